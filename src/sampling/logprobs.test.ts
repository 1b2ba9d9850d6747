import { expect, test } from "vitest";
import { logSumExp, tokenLogprob, topLogprobs } from "./logprobs.ts";

const logits = Float32Array.of(0, 1, -1, 1);

test("hand-computed log-probabilities", () => {
  const normaliser = Math.log(1 + 2 * Math.E + 1 / Math.E);
  expect(logSumExp(logits)).toBeCloseTo(normaliser, 14);
  expect(tokenLogprob(logits, 2)).toBeCloseTo(-1 - normaliser, 14);
});

test("large logits neither overflow nor lose their differences", () => {
  expect(logSumExp(Float32Array.of(10_000, 10_000))).toBeCloseTo(10_000 + Math.LN2, 10);
  expect(tokenLogprob(Float32Array.of(-10_000, -10_001), 0)).toBeCloseTo(-Math.log1p(Math.exp(-1)), 10);
});

test("float64: small shares of a large vocabulary are not lost", () => {
  const flat = new Float32Array(152_064);
  expect(tokenLogprob(flat, 151_643)).toBeCloseTo(-Math.log(152_064), 12);
});

test("the best tokens come first, the lower id of equal ones before the higher", () => {
  expect(topLogprobs(logits, 3).map(({ token }) => token)).toEqual([1, 3, 0]);
  expect(topLogprobs(logits, 1).map(({ token }) => token)).toEqual([1]);
  expect(topLogprobs(logits, 1)[0]!.logprob).toBe(tokenLogprob(logits, 1));
  expect(topLogprobs(new Float32Array(50), 4).map(({ token }) => token)).toEqual([0, 1, 2, 3]);
});

test("none and more than there are", () => {
  expect(topLogprobs(logits, 0)).toEqual([]);
  const all = topLogprobs(Float32Array.of(1, Number.NEGATIVE_INFINITY, 2), 20);
  expect(all.map(({ token }) => token)).toEqual([2, 0, 1]);
  expect(all[2]!.logprob).toBe(Number.NEGATIVE_INFINITY);
  expect(all.reduce((sum, { logprob }) => sum + Math.exp(logprob), 0)).toBeCloseTo(1, 14);
});

test("wrong arguments and damaged logits are refused", () => {
  for (const token of [-1, 4, 0.5]) {
    expect(() => tokenLogprob(logits, token)).toThrow(expect.objectContaining({ option: "token" }));
  }
  for (const count of [-1, 1.5, Number.NaN]) {
    expect(() => topLogprobs(logits, count)).toThrow(expect.objectContaining({ option: "logprobs" }));
  }
  const damaged = Float32Array.of(0, Number.NaN);
  expect(() => logSumExp(damaged)).toThrow(expect.objectContaining({ code: "invalid_logits" }));
  expect(() => topLogprobs(damaged, 1)).toThrow(expect.objectContaining({ code: "invalid_logits" }));
});
