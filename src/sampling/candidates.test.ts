import { expect, test } from "vitest";
import { copyLogits } from "./candidates.ts";

test("the copy is float64 and does not share memory", () => {
  const logits = Float32Array.of(0.1, 2);
  const scores = copyLogits(logits);
  scores[1] = 5;
  expect(scores[0]).toBe(Math.fround(0.1));
  expect(logits[1]).toBe(2);
});

test.each([
  ["none", []],
  ["NaN", [0, Number.NaN, 1]],
  ["only NaN", [Number.NaN, Number.NaN]],
  ["+Infinity", [0, Number.POSITIVE_INFINITY]],
  ["only -Infinity", [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY]],
])("%s is invalid_logits", (_, logits) => {
  expect(() => copyLogits(Float32Array.from(logits))).toThrow(expect.objectContaining({ code: "invalid_logits" }));
});

test("the message names the token", () => {
  expect(() => copyLogits(Float32Array.of(1, 2, Number.NaN))).toThrow("the logit of token 2 is NaN");
});
