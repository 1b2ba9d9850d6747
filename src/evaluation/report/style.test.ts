import { expect, test } from "vitest";
import { style } from "./style.ts";

const schemes = {
  light: /^:root\{(.*?)\}/s.exec(style)![1]!,
  dark: /prefers-color-scheme:dark\)\{:root\{(.*?)\}/s.exec(style)![1]!,
};

test.each(Object.entries(schemes))("text and lines stand out from what is behind them: %s", (_, scheme) => {
  const colours = Object.fromEntries([...scheme.matchAll(/--([\w-]+):(#\w+)/g)].map(([, name, hex]) => [name!, hex!]));
  const contrast = (front: string, back: string): number => {
    const [lighter, darker] = [colours[front]!, colours[back]!].map(luminance).sort((a, b) => b - a);
    return (lighter! + 0.05) / (darker! + 0.05);
  };
  for (const front of ["ink", "soft", "accent"])
    for (const back of ["surface", "page", "accent-soft"])
      expect(contrast(front, back), `${front} on ${back}`).toBeGreaterThan(4.5);
  expect(contrast("ink", "beyond")).toBeGreaterThan(4.5);
  const lines = Object.keys(colours).filter((name) => /^(series-\d|kept|blended|interpolated)$/.test(name));
  expect(lines.length).toBe(11);
  for (const line of lines)
    for (const back of ["surface", "beyond"]) expect(contrast(line, back), `${line} on ${back}`).toBeGreaterThan(3);
  for (let step = 0; step < 6; step++)
    expect(contrast(`heat-ink-${step}`, `heat-${step}`), `step ${step}`).toBeGreaterThan(4.5);
});

/** @see WCAG 2.2, relative luminance */
function luminance(hex: string): number {
  const digits = hex.length === 4 ? [...hex.slice(1)].map((digit) => digit + digit) : hex.slice(1).match(/../g)!;
  const [red, green, blue] = digits.map((pair) => {
    const value = Number.parseInt(pair, 16) / 255;
    return value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red! + 0.7152 * green! + 0.0722 * blue!;
}
