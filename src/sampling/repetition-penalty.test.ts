import { expect, test } from "vitest";
import { applyRepetitionPenalty } from "./repetition-penalty.ts";

test("positive scores are divided, negative ones multiplied, others left alone", () => {
  const scores = Float64Array.of(3, -2, 0, 3);
  applyRepetitionPenalty(scores, new Set([0, 1, 2]), 2);
  expect([...scores]).toEqual([1.5, -4, 0, 3]);
});

test("a penalty below 1 favours what occurred", () => {
  const scores = Float64Array.of(3, -2);
  applyRepetitionPenalty(scores, [0, 1], 0.5);
  expect([...scores]).toEqual([6, -1]);
});

test("masked tokens stay masked, and ids outside the vocabulary do nothing", () => {
  const scores = Float64Array.of(Number.NEGATIVE_INFINITY, 1);
  applyRepetitionPenalty(scores, [0, 2, 1000], 1.3);
  expect([...scores]).toEqual([Number.NEGATIVE_INFINITY, 1]);
});
