import { type Markish, rect, ruleX, text } from "@observablehq/plot";
import type { Interval } from "../result.ts";
import { chartText } from "./plot.ts";

/** Marks where the native window ends, and shades what is beyond it. Nothing where the chart ends before. */
export function windowMarks(options: {
  /** In tokens. */
  readonly window: number;
  readonly label: string;
  /** Of the axis, in tokens. */
  readonly domain: Interval;
  readonly isLogarithmic?: boolean;
}): readonly Markish[] {
  const { window, label, domain, isLogarithmic = false } = options;
  const [from, to] = domain;
  if (!(window >= from && window < to)) return [];
  // Past the middle of the chart the name has its room before the line.
  const textAnchor = window > (isLogarithmic ? Math.sqrt(from * to) : (from + to) / 2) ? "end" : "start";
  return [
    rect([{ window }], { x1: window, x2: to, fill: "var(--beyond)" }),
    ruleX([window], { stroke: "currentColor", strokeOpacity: 0.7, strokeDasharray: "4 3" }),
    text([window], {
      ...chartText,
      x: window,
      frameAnchor: "top",
      lineAnchor: "bottom",
      textAnchor,
      dy: -5,
      text: () => label,
    }),
  ];
}
