import { expect, test } from "vitest";
import { effectiveCount, perplexityOf, shareInterval, studentDeviations, wilsonInterval } from "./interval.ts";

// Newcombe, Two-sided confidence intervals for the single proportion (1998), table I, method 3.
test.each([
  [81, 263, 0.2553, 0.3662],
  [15, 148, 0.0624, 0.1605],
  [0, 20, 0, 0.1611],
  [1, 29, 0.0061, 0.1718],
])("Wilson's interval of %i in %i", (right, count, low, high) => {
  const interval = wilsonInterval(right / count, count);
  expect(interval[0]).toBeCloseTo(low, 4);
  expect(interval[1]).toBeCloseTo(high, 4);
});

test.each([
  [1, 12.7062],
  [4, 2.7764],
  [5, 2.5706],
  [10, 2.2281],
  [30, 2.0423],
  [120, 1.9799],
])("Student's quantile with %i degrees of freedom: %f", (freedom, quantile) => {
  expect(studentDeviations(freedom)).toBeCloseTo(quantile, 3);
});

test("questions that share a text and are answered alike are worth as many as there are texts", () => {
  const alike = [0, 1, 1, 0, 1, 0].map((score) => [score, score, score]);
  expect(effectiveCount(alike)).toBeLessThanOrEqual(6);
  expect(effectiveCount(alike)).toBeGreaterThan(4);
  expect(effectiveCount([0, 1, 1, 0].map((score) => [score]))).toBe(4);
  expect(effectiveCount([1, 1, 1].map((score) => [score, score]))).toBe(3);
});

test("shares of parts that differ are worth fewer than all that is counted; of one part there is no interval", () => {
  // Of shares 0.2, 0.5 and 0.8 the mean has the standard error sqrt(0.09 / 3): 0.25 / 0.03 are as uncertain.
  const expected = wilsonInterval(0.5, 0.25 / 0.03);
  expect(shareInterval([20, 50, 80], [100, 100, 100])).toEqual(expected.map((end) => expect.closeTo(end, 12)));
  expect(shareInterval([100, 100], [100, 100])).toEqual(wilsonInterval(1, 200));
  expect(shareInterval([20], [100])).toBeUndefined();
});

test("a perplexity over passages of one size has the interval of their mean; of one passage it has none", () => {
  // Student's sleep data, group 2: mean 2.33, standard error 0.6331.
  const values = [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4];
  const { perplexity, interval } = perplexityOf(
    values.map((value) => -value * 7),
    values.map(() => 7),
  );
  expect(Math.log(perplexity)).toBeCloseTo(2.33, 10);
  expect(Math.log(interval![0])).toBeCloseTo(2.33 - 2.2622 * 0.6331, 3);
  expect(Math.log(interval![1])).toBeCloseTo(2.33 + 2.2622 * 0.6331, 3);
  expect(perplexityOf([-3], [1])).toEqual({ perplexity: Math.exp(3) });
});
