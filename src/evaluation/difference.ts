import { ratioOfSums, studentDeviations, sum, wilsonInterval } from "./interval.ts";
import { type Rate, rateAnswers } from "./rate.ts";
import type { AccuracySample, Interval } from "./result.ts";
import { normalProbability, signProbability, studentProbability } from "./significance.ts";

/** From one measurement to another. */
export interface Difference {
  /** The two themselves: of pairs, where there are any. */
  readonly a: number;
  readonly b: number;
  /** Of rates and divergences: the second less the first; of perplexities and speeds: the second over the first. */
  readonly value: number;
  /** 95 %; not there where one sample is all there is. */
  readonly interval?: Interval;
  /** How often so large a difference is found where there is none. */
  readonly probability?: number;
  /** How many of the same questions, or passages, both were measured on; not there where each had its own. */
  readonly pairs?: number;
  /** How many of the pairs are not exactly equal. */
  readonly changed?: number;
}

/** Sums over what a sample counts, as its log probabilities over its tokens. */
export interface Summed {
  readonly promptHash: string;
  readonly sum: number;
  readonly count: number;
}

/**
 * Of rates: Newcombe's hybrid score interval. Of the same questions: his interval for pairs and the exact sign test over texts, which is McNemar's
 * where each question has its own. Of others: the interval for independent ones, and the confidence at which it would touch zero.
 *
 * @see Newcombe, Interval estimation for the difference between independent proportions (1998), method 10
 * @see Newcombe, Improved confidence intervals for the difference between binomial proportions based on paired data (1998), method 10
 */
export function accuracyDifference(a: readonly AccuracySample[], b: readonly AccuracySample[]): Difference {
  const pairs = pairSamples(a, b);
  const from = rateAnswers(pairs ? pairs.map(([sample]) => sample) : a);
  const to = rateAnswers(pairs ? pairs.map(([, sample]) => sample) : b);
  const rates = { a: from.rate, b: to.rate };
  const value = to.rate - from.rate;
  if (pairs) {
    const correlation = correlationOf(
      pairs.map(([sample]) => sample.score),
      pairs.map(([, sample]) => sample.score),
    );
    const texts = [...Map.groupBy(pairs, ([{ group }]) => group).values()];
    const changes = texts.map((members) => sum(members.map(([x, y]) => y.score - x.score)));
    const more = changes.filter((change) => change > 0).length;
    const less = changes.filter((change) => change < 0).length;
    const probability = signProbability(more, less);
    const changed = pairs.filter(([x, y]) => x.score !== y.score).length;
    return {
      ...rates,
      value,
      interval: hybridInterval(from, to, correlation),
      probability,
      pairs: pairs.length,
      changed,
    };
  }
  return { ...rates, value, interval: hybridInterval(from, to, 0), probability: touchingProbability(from, to) };
}

/**
 * Of means over what is counted, as mean log probabilities: over the same passages from the differences of each, else as Welch does.
 *
 * @see Welch, The generalization of "Student's" problem when several different population variances are involved (1947)
 */
export function meanDifference(a: readonly Summed[], b: readonly Summed[]): Difference {
  const pairs = pairSamples(a, b);
  if (pairs?.every(([x, y]) => x.count === y.count)) {
    const means = { a: ratioOf(pairs.map(([x]) => x)).ratio, b: ratioOf(pairs.map(([, y]) => y)).ratio };
    const { ratio, error } = ratioOf(pairs.map(([x, y]) => ({ ...y, sum: y.sum - x.sum })));
    const changed = pairs.filter(([x, y]) => x.sum !== y.sum).length;
    return { ...means, ...withStudent(ratio, error, pairs.length - 1), pairs: pairs.length, changed };
  }
  const [from, to] = [ratioOf(a), ratioOf(b)];
  const means = { a: from.ratio, b: to.ratio };
  const value = to.ratio - from.ratio;
  if (from.error === undefined || to.error === undefined) return { ...means, value };
  const [first, second] = [from.error ** 2, to.error ** 2];
  const freedom = (first + second) ** 2 / (first ** 2 / (a.length - 1) + second ** 2 / (b.length - 1));
  const whole = Math.floor(freedom) || Math.min(a.length, b.length) - 1;
  return { ...means, ...withStudent(value, Math.sqrt(first + second), whole) };
}

/** Of perplexities: how many times as large the second is. */
export function perplexityRatio(a: readonly Summed[], b: readonly Summed[]): Difference {
  const { interval, ...logs } = meanDifference(negated(a), negated(b));
  return {
    ...logs,
    ...{ a: Math.exp(logs.a), b: Math.exp(logs.b), value: Math.exp(logs.value) },
    ...(interval && { interval: [Math.exp(interval[0]), Math.exp(interval[1])] as const }),
  };
}

/**
 * The same questions in both, wherever all of the smaller side's are among the other's.
 *
 * @returns undefined where they are not
 */
function pairSamples<Sample extends { readonly promptHash: string }>(
  a: readonly Sample[],
  b: readonly Sample[],
): readonly (readonly [Sample, Sample])[] | undefined {
  const [ofA, ofB] = [byPrompt(a), byPrompt(b)];
  const common = [...ofA].flatMap(([hash, sample]) => {
    const other = ofB.get(hash);
    return other ? [[sample, other] as const] : [];
  });
  return common.length > 0 && common.length === Math.min(ofA.size, ofB.size) ? common : undefined;
}

function byPrompt<Sample extends { readonly promptHash: string }>(
  samples: readonly Sample[],
): ReadonlyMap<string, Sample> {
  return new Map(samples.map((sample) => [sample.promptHash, sample]));
}

function hybridInterval(from: Rate, to: Rate, correlation: number, width?: number): Interval {
  const [lowFrom, highFrom] = wilsonInterval(from.rate, from.count, width);
  const [lowTo, highTo] = wilsonInterval(to.rate, to.count, width);
  const combine = (x: number, y: number): number => Math.sqrt(Math.max(0, x * x - 2 * correlation * x * y + y * y));
  const value = to.rate - from.rate;
  return [
    Math.max(-1, value - combine(to.rate - lowTo, highFrom - from.rate)),
    Math.min(1, value + combine(highTo - to.rate, from.rate - lowFrom)),
  ];
}

/** Newcombe's, towards none by half a question. Scores between right and wrong count as if spread as widely as these: they come out as less correlated. */
function correlationOf(a: readonly number[], b: readonly number[]): number {
  const count = a.length;
  const [sumA, sumB] = [sum(a), sum(b)];
  const together = count * sum(a.map((score, i) => score * b[i]!)) - sumA * sumB;
  const spread = sumA * (count - sumA) * sumB * (count - sumB);
  if (spread <= 0) return 0;
  return (together > 0 ? Math.max(0, together - count / 2) : together) / Math.sqrt(spread);
}

/** At how many deviations the interval's near end comes to zero. */
function touchingProbability(from: Rate, to: Rate): number {
  if (from.rate === to.rate) return 1;
  let [inside, outside] = [0, 40];
  for (let step = 0; step < 60; step++) {
    const middle = (inside + outside) / 2;
    const [low, high] = hybridInterval(from, to, 0, middle);
    if (low > 0 || high < 0) inside = middle;
    else outside = middle;
  }
  return normalProbability(inside);
}

function ratioOf(samples: readonly Summed[]): ReturnType<typeof ratioOfSums> {
  return ratioOfSums(
    samples.map(({ sum }) => sum),
    samples.map(({ count }) => count),
  );
}

function withStudent(
  value: number,
  error: number | undefined,
  freedom: number,
): Pick<Difference, "value" | "interval" | "probability"> {
  if (error === undefined || freedom < 1) return { value };
  const half = error * studentDeviations(freedom);
  const probability = value === 0 ? 1 : studentProbability(value / error, freedom);
  return { value, interval: [value - half, value + half], probability };
}

function negated(samples: readonly Summed[]): readonly Summed[] {
  return samples.map((sample) => ({ ...sample, sum: -sample.sum }));
}
