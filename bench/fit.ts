import type { Depth } from "./engine.ts";

/** A sum of two terms that fits what was measured. */
export interface Fit {
  readonly coefficients: readonly [number, number];
  /** What the fit gives at each depth, in seconds. */
  readonly fitted: readonly number[];
  /** The largest difference from what was measured, as a part of that. */
  readonly largestError: number;
}

/**
 * How costs grow: reading n tokens takes a·n + b·n² seconds (matrix products, and attention to all tokens before), one more token behind them
 * c + d·n. Fitted so that *relative* errors are least, for all lengths to count.
 */
export function fitCosts(growth: readonly Depth[]): { readonly read: Fit; readonly decode: Fit } {
  return {
    read: fitTwoTerms(growth.map(({ tokens, seconds }) => ({ terms: [tokens, tokens ** 2], seconds }))),
    decode: fitTwoTerms(growth.map(({ tokens, decodeRate }) => ({ terms: [1, tokens], seconds: 1 / decodeRate }))),
  };
}

/** Least squares of the relative errors, by the normal equations; neither coefficient is below 0. */
function fitTwoTerms(points: readonly { readonly terms: readonly [number, number]; readonly seconds: number }[]): Fit {
  let [aa, ab, bb, a, b] = [0, 0, 0, 0, 0];
  for (const { terms, seconds } of points) {
    const [x, y] = [terms[0] / seconds, terms[1] / seconds];
    aa += x * x;
    ab += x * y;
    bb += y * y;
    a += x;
    b += y;
  }
  const determinant = aa * bb - ab * ab;
  let coefficients: [number, number] = [(a * bb - b * ab) / determinant, (b * aa - a * ab) / determinant];
  // One depth alone, or noise, determines only one of them.
  if (!(determinant > 1e-12 * aa * bb) || coefficients[1] < 0) coefficients = [a / aa, 0];
  else if (coefficients[0] < 0) coefficients = [0, b / bb];
  const fitted = points.map(({ terms }) => coefficients[0] * terms[0] + coefficients[1] * terms[1]);
  const errors = points.map(({ seconds }, i) => Math.abs(fitted[i]! / seconds - 1));
  return { coefficients, fitted, largestError: Math.max(...errors) };
}
