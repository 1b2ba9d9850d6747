import { expect, test } from "vitest";
import { adjustForMany, normalProbability, signProbability, studentProbability } from "./significance.ts";

// Two-sided probabilities of tabulated quantiles.
test.each([
  [12.7062, 1, 0.05],
  [4.30265, 2, 0.05],
  [3.18245, 3, 0.05],
  [2.22814, 10, 0.05],
  [3.16927, 10, 0.01],
  [1.97993, 120, 0.05],
  [0, 7, 1],
])("%f standard errors with %i degrees of freedom", (deviations, freedom, probability) => {
  expect(studentProbability(deviations, freedom)).toBeCloseTo(probability, 5);
  expect(studentProbability(-deviations, freedom)).toBeCloseTo(probability, 5);
});

test("a difference without any spread has no chance", () => {
  expect(studentProbability(Number.POSITIVE_INFINITY, 4)).toBe(0);
});

test.each([
  [1.959964, 0.05],
  [2.575829, 0.01],
  [3.290527, 0.001],
  [0, 1],
])("%f deviations of the normal distribution", (deviations, probability) => {
  expect(normalProbability(deviations)).toBeCloseTo(probability, 6);
});

test.each([
  [1, 7, 18 / 256],
  [2, 8, 112 / 1024],
  [5, 0, 2 / 32],
  [4, 4, 1],
  [0, 0, 1],
])("McNemar's exact test of %i and %i discordant pairs", (more, less, probability) => {
  expect(signProbability(more, less)).toBeCloseTo(probability, 12);
});

test("thousands of pairs do not underflow", () => {
  expect(signProbability(5000, 5000)).toBe(1);
  expect(signProbability(4900, 5100)).toBeCloseTo(normalProbability(1.99), 3); // with the correction for continuity
  expect(signProbability(1, 4999)).toBeGreaterThanOrEqual(0);
});

test("Holm's correction steps down, and never falls below a smaller one", () => {
  const adjusted = adjustForMany([0.01, 0.04, 0.03, 0.005]);
  for (const [i, expected] of [0.03, 0.06, 0.06, 0.02].entries()) expect(adjusted[i]).toBeCloseTo(expected, 12);
  expect(adjustForMany([0.5, 0.9])).toEqual([1, 1]);
  expect(adjustForMany([])).toEqual([]);
});
