import { expect, test } from "vitest";
import { accuracyDifference, meanDifference, perplexityRatio } from "./difference.ts";
import type { AccuracySample } from "./result.ts";

function asked(scores: readonly number[], hash: string, share = 1): readonly AccuracySample[] {
  const identity = { suite: "passkey", task: "passkey", method: "none", factor: 1, length: 1 } as const;
  return scores.map((score, index) => ({
    ...{ ...identity, index, group: Math.floor(index / share), promptHash: `${hash}${index}` },
    ...{ expected: [], answer: "", score },
  }));
}

const right = (count: number, all: number) => Array.from({ length: all }, (_, i) => (i < count ? 1 : 0));

// Newcombe, Interval estimation for the difference between independent proportions (1998), table II, method 10.
test.each([
  [56, 70, 48, 80, 0.0524, 0.3339],
  [9, 10, 3, 10, 0.1705, 0.809],
  [6, 7, 2, 7, 0.0582, 0.8062],
  [5, 56, 0, 29, -0.0381, 0.1926],
  [0, 10, 0, 20, -0.1611, 0.2775],
  [10, 10, 0, 20, 0.6791, 1],
])("%i in %i against %i in %i, of different questions", (a, ofA, b, ofB, low, high) => {
  const { interval, pairs } = accuracyDifference(asked(right(b, ofB), "b"), asked(right(a, ofA), "a"));
  expect(pairs).toBeUndefined();
  expect(interval![0]).toBeCloseTo(low, 4);
  expect(interval![1]).toBeCloseTo(high, 4);
});

test("the probability is below 0.05 where the interval leaves out zero, and not elsewhere", () => {
  for (const [a, b] of [
    [20, 30],
    [20, 31],
    [20, 32],
    [20, 33],
    [50, 59],
    [0, 5],
    [0, 7],
  ] as const) {
    const { interval, probability } = accuracyDifference(asked(right(a, 60), "a"), asked(right(b, 60), "b"));
    expect(probability! < 0.05).toBe(interval![0] > 0);
  }
});

/** Counts of pairs: both right, only the first, only the second, neither. */
function pairs(both: number, first: number, second: number, neither: number) {
  const of = (score: number, count: number) => new Array(count).fill(score);
  const a = [...of(1, both), ...of(1, first), ...of(0, second), ...of(0, neither)];
  const b = [...of(1, both), ...of(0, first), ...of(1, second), ...of(0, neither)];
  return [asked(a, "q"), asked(b, "q")] as const;
}

test("the same questions: Newcombe's interval for pairs and McNemar's exact test", () => {
  // Bentur et al. (2009), as in Fagerland, Lydersen, Laake, Recommended tests and confidence intervals for paired binomial proportions (2014).
  const { value, interval, probability, changed } = accuracyDifference(...pairs(1, 1, 7, 12));
  expect(value).toBeCloseTo(6 / 21, 12);
  expect(interval![0]).toBeCloseTo(0.026, 3);
  expect(interval![1]).toBeCloseTo(0.507, 3);
  expect(probability).toBeCloseTo(0.0703, 4);
  expect(changed).toBe(8);
});

test("pairs that all agree leave no probability for a difference", () => {
  expect(accuracyDifference(...pairs(40, 0, 0, 20))).toMatchObject({ value: 0, probability: 1, pairs: 60, changed: 0 });
});

test("questions that share a text count once in the test", () => {
  const [a, b] = [asked(right(0, 12), "q", 4), asked(right(12, 12), "q", 4)];
  expect(accuracyDifference(a, b).probability).toBeCloseTo(2 / 8, 12);
});

test("a smaller run within a larger one is paired; one that overlaps it is not", () => {
  // What is shown is of the pairs too: the first ten of the larger run are all right.
  const within = accuracyDifference(asked(right(5, 10), "q"), asked(right(20, 40), "q"));
  expect(within).toMatchObject({ a: 0.5, b: 1, value: 0.5, pairs: 10 });
  const mixed = [...asked(right(5, 10), "q"), ...asked(right(5, 10), "r")];
  expect(accuracyDifference(mixed, asked(right(20, 40), "q")).pairs).toBeUndefined();
});

// Student's sleep data, as in the documentation of R's t.test.
const sleep = [
  [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0, 2],
  [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4],
] as const;
const summed = (values: readonly number[], hash: string, count = 5) =>
  values.map((value, i) => ({ promptHash: `${hash}${i}`, sum: value * count, count }));

test("means over the same passages: Student's paired test", () => {
  const { value, interval, probability, pairs } = meanDifference(summed(sleep[0], "p"), summed(sleep[1], "p"));
  expect([value, pairs]).toEqual([expect.closeTo(1.58, 10), 10]);
  expect(interval![0]).toBeCloseTo(0.7001, 3);
  expect(interval![1]).toBeCloseTo(2.4599, 3);
  expect(probability).toBeCloseTo(0.002833, 5);
});

test("means over other passages: Welch's, with his degrees of freedom rounded down", () => {
  const { value, interval, probability } = meanDifference(summed(sleep[0], "p"), summed(sleep[1], "r"));
  expect(value).toBeCloseTo(1.58, 10);
  expect(interval![0]).toBeCloseTo(-0.2055, 1);
  expect(interval![0]).toBeLessThan(-0.2055);
  expect(interval![1]).toBeCloseTo(3.3655, 1);
  expect(probability).toBeCloseTo(0.0794, 2);
  expect(probability).toBeGreaterThan(0.0794);
});

test("a perplexity is compared by its ratio, and one passage has no interval", () => {
  const [a, b] = [summed([-3, -3.1], "p"), summed([-3.1, -3.2], "p")];
  const { value, interval } = perplexityRatio(a, b);
  expect(value).toBeCloseTo(Math.exp(0.1), 10);
  expect(interval![0]).toBeCloseTo(Math.exp(0.1), 6);
  expect(perplexityRatio(a.slice(0, 1), b.slice(0, 1))).toEqual({
    a: expect.closeTo(Math.exp(3)),
    b: expect.closeTo(Math.exp(3.1)),
    value: expect.closeTo(Math.exp(0.1)),
    pairs: 1,
    changed: 1,
  });
});
