import type { Interval } from "./result.ts";

/** Of the normal distribution: 95 % lie within so many standard deviations. */
const deviations = 1.959963984540054;

/**
 * Wilson's score interval of a rate. Of scores between 0 and 1 whose mean is taken for the rate it is wider than it need be, never narrower.
 *
 * @param rate - from 0 to 1
 * @param count - how many were asked, from 1
 * @param width - standard deviations of the normal distribution to either side; 95 % confidence unless given
 * @see Wilson, Probable inference, the law of succession, and statistical inference (1927)
 */
export function wilsonInterval(rate: number, count: number, width: number = deviations): Interval {
  const square = width ** 2;
  const center = (rate + square / (2 * count)) / (1 + square / count);
  const half = (width / (1 + square / count)) * Math.sqrt((rate * (1 - rate)) / count + square / (4 * count * count));
  return [Math.max(0, center - half), Math.min(1, center + half)];
}

/**
 * To how many independent scores those of groups are worth, within which they may depend on each other: the number of all, over the ratio of the
 * variance that the groups show to that of independent scores.
 *
 * @returns at most the number of all
 * @see Kish, Survey Sampling (1965): the design effect
 */
export function effectiveCount(groups: readonly (readonly number[])[]): number {
  const scores = groups.flat();
  const count = scores.length;
  if (groups.length < 2 || groups.length === count) return groups.length;
  const mean = sum(scores) / count;
  const independent = sum(scores.map((score) => (score - mean) ** 2)) / (count - 1) / count;
  // Where all are alike nothing shows how far those of a group depend on each other: as if they did altogether.
  if (independent === 0) return groups.length;
  const residuals = groups.map((group) => sum(group) - mean * group.length);
  const grouped = (sum(residuals.map((residual) => residual ** 2)) * groups.length) / (groups.length - 1) / count ** 2;
  return Math.min(count, (count * independent) / grouped);
}

/**
 * Of a perplexity, from passages of one text each: tokens of a passage depend on each other, passages are taken for independent. A ratio of
 * sums, linearised; Student's distribution.
 *
 * @param logprobs - sums of log probabilities, one a passage
 * @param tokens - how many each sums
 * @returns the perplexity, and its interval unless there is one passage only
 */
export function perplexityOf(
  logprobs: readonly number[],
  tokens: readonly number[],
): { readonly perplexity: number; readonly interval?: Interval } {
  const { ratio, error } = ratioOfSums(logprobs, tokens);
  if (error === undefined) return { perplexity: Math.exp(-ratio) };
  const half = error * studentDeviations(logprobs.length - 1);
  return { perplexity: Math.exp(-ratio), interval: [Math.exp(-ratio - half), Math.exp(-ratio + half)] };
}

/**
 * A mean over all that is counted, of sums over parts that are taken for independent.
 *
 * @returns the ratio of all sums to all counts, and its standard error unless there is one part only
 * @see Cochran, Sampling Techniques (1977), 2.11: the variance of a ratio, linearised
 */
export function ratioOfSums(
  sums: readonly number[],
  counts: readonly number[],
): { readonly ratio: number; readonly error?: number } {
  const parts = sums.length;
  const all = sum(counts);
  const ratio = sum(sums) / all;
  if (parts < 2) return { ratio };
  const squares = sum(sums.map((part, i) => (part - ratio * counts[i]!) ** 2));
  return { ratio, error: Math.sqrt((squares * parts) / (parts - 1)) / all };
}

/**
 * Wilson's interval of the share of what is counted, in parts that are taken for independent: for as many as the variance between parts shows, at most all.
 *
 * @param sums - of each part: how many have it
 * @param counts - of each part: how many there are
 * @returns undefined for one part only
 */
export function shareInterval(sums: readonly number[], counts: readonly number[]): Interval | undefined {
  const { ratio, error } = ratioOfSums(sums, counts);
  if (error === undefined) return undefined;
  const all = sum(counts);
  return wilsonInterval(ratio, error === 0 ? all : Math.min(all, (ratio * (1 - ratio)) / error ** 2));
}

/** The mean of numbers, and its interval by Student's distribution unless there is one only. */
export function meanInterval(values: readonly number[]): { readonly mean: number; readonly interval?: Interval } {
  const mean = sum(values) / values.length;
  const variance = sum(values.map((value) => (value - mean) ** 2)) / (values.length - 1);
  if (values.length < 2) return { mean };
  const half = Math.sqrt(variance / values.length) * studentDeviations(values.length - 1);
  return { mean, interval: [mean - half, mean + half] };
}

/**
 * Student's 97.5 % quantile, by Cornish and Fisher's expansion, exact where it does badly.
 *
 * @see Abramowitz and Stegun, Handbook of mathematical functions, 26.7.5
 */
export function studentDeviations(freedom: number): number {
  const small = [12.7062, 4.3027, 3.1824, 2.7764];
  if (freedom <= small.length) return small[freedom - 1] ?? Number.POSITIVE_INFINITY;
  const z = deviations;
  const terms = [
    (z ** 3 + z) / 4,
    (5 * z ** 5 + 16 * z ** 3 + 3 * z) / 96,
    (3 * z ** 7 + 19 * z ** 5 + 17 * z ** 3 - 15 * z) / 384,
    (79 * z ** 9 + 776 * z ** 7 + 1482 * z ** 5 - 1920 * z ** 3 - 945 * z) / 92160,
  ];
  return z + sum(terms.map((term, i) => term / freedom ** (i + 1)));
}

export function median(values: readonly number[]): number {
  const order = [...values].sort((a, b) => a - b);
  const middle = order.length / 2;
  return (order[Math.ceil(middle) - 1]! + order[Math.floor(middle)]!) / 2;
}

export function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
