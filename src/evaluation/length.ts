import { InvalidOptionError } from "../index.ts";

/** Longer ones no model has. */
const longest = 2 ** 24;
const shortest = 16;

/**
 * @param lengths - as `0.5x` (of the native window), `32K` (1024 tokens each), `1000`
 * @returns tokens, ascending, each once
 * @throws InvalidOptionError for one that is no length, and for none
 *
 * @example
 * resolveLengths(["0.5x", "4x"], 256) // [128, 1024]
 */
export function resolveLengths(lengths: readonly string[], nativeWindow: number): readonly number[] {
  if (lengths.length === 0) throw new InvalidOptionError("lengths", "must name one at least, as 0.5x,1x,2x,4x");
  const tokens = lengths.map((text) => {
    const { amount, unit } = parseLength(text);
    const count = Math.round(amount * ({ x: nativeWindow, k: 1024 }[unit] ?? 1));
    if (count < shortest || count > longest) throw noLength(text);
    return count;
  });
  return [...new Set(tokens)].sort((a, b) => a - b);
}

/**
 * Says what can be said before the window is known, and a model is loaded.
 *
 * @throws InvalidOptionError for one that is no length of any window
 */
export function checkLengths(lengths: readonly string[]): void {
  for (const text of lengths) parseLength(text);
}

function parseLength(text: string): { readonly amount: number; readonly unit: string } {
  const [, digits, unit = ""] = /^(\d{1,8}(?:\.\d{1,6})?)([xk]?)$/i.exec(text.trim()) ?? [];
  if (digits === undefined) throw noLength(text);
  return { amount: Number(digits), unit: unit.toLowerCase() };
}

function noLength(text: string): InvalidOptionError {
  const kinds = "a multiple of the native window as 2x, or a number of tokens as 32768 or 32K";
  return new InvalidOptionError(
    "lengths",
    `${JSON.stringify(text)} must be ${kinds}, from ${shortest} tokens to ${longest}`,
  );
}
