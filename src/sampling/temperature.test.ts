import { expect, test } from "vitest";
import { applyTemperature } from "./temperature.ts";

test("differences are divided by the temperature, the best becomes 0", () => {
  const scores = Float64Array.of(1, 4, 2);
  applyTemperature(scores, 2);
  expect([...scores]).toEqual([-1.5, 0, -1]);
});

test("temperature 1 leaves the scores as they are", () => {
  const scores = Float64Array.of(1, 4, 2);
  applyTemperature(scores, 1);
  expect([...scores]).toEqual([1, 4, 2]);
});

test("the smallest temperature leaves only the best, without NaN", () => {
  const scores = Float64Array.of(1, 4, 4, Number.NEGATIVE_INFINITY);
  applyTemperature(scores, Number.MIN_VALUE);
  expect([...scores]).toEqual([Number.NEGATIVE_INFINITY, 0, 0, Number.NEGATIVE_INFINITY]);
});
