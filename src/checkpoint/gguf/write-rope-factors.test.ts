import { expect, test } from "vitest";
import { scalingOfFactors } from "./rope-factors.ts";
import { llama3Factors } from "./test-rope-factors.ts";
import { ropeFactorsOf } from "./write-rope-factors.ts";

const config = (rope_scaling: object) => ({
  head_dim: 128,
  rope_theta: 5e5,
  max_position_embeddings: 131072,
  rope_scaling,
});
const llama3 = {
  rope_type: "llama3",
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 8192,
};

test("llama3 scaling: the numbers of llama.cpp's converter, to its float32, and the block again", () => {
  const factors = ropeFactorsOf(config(llama3))!;
  const theirs = llama3Factors(128);
  expect(factors).toHaveLength(64);
  for (const [pair, factor] of factors.entries()) expect(Math.abs(factor / theirs[pair]! - 1)).toBeLessThan(2 ** -20);
  expect(scalingOfFactors(factors, 5e5, 131072)).toEqual(llama3);
});

test("factors that were read one by one are written as they were", () => {
  const factors = Float32Array.from({ length: 64 }, (_, pair) => 1 + ((pair * 7) % 5) / 3);
  expect(ropeFactorsOf(config(scalingOfFactors(factors, 5e5, 131072)))).toEqual(factors);
});

test("divisors that depend on the length, or scale attention too, are refused", () => {
  const ones = Array<number>(64).fill(1);
  const block = { rope_type: "longrope", factor: 4, original_max_position_embeddings: 4096, short_factor: ones };
  for (const others of [{ long_factor: ones }, { long_factor: ones.with(3, 2), attention_factor: 1 }])
    expect(() => ropeFactorsOf(config({ ...block, ...others }))).toThrow(/type longrope cannot be written/);
  expect(ropeFactorsOf(config({ rope_type: "linear", factor: 2 }))).toBeUndefined();
});
