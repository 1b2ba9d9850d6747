import { expect, test } from "vitest";
import { type RotaryConfig, resolveRotaryEncoding, yarnPairs } from "./index.ts";

const qwen2: RotaryConfig = { head_dim: 128, rope_theta: 1e6, max_position_embeddings: 32_768 };

function attentionScaling(block: object): number {
  return resolveRotaryEncoding({ ...qwen2, rope_scaling: { rope_type: "yarn", ...block } }).attentionScaling;
}

test("Qwen2 keeps 24 pairs, blends 16 and interpolates 24", () => {
  const pairs = yarnPairs(qwen2, { factor: 4 });
  expect(pairs).toEqual({ kept: 24, blended: 16, interpolated: 24, low: 23, high: 40 });
  const plain = resolveRotaryEncoding(qwen2).inverseFrequencies;
  const yarn = resolveRotaryEncoding(qwen2, { method: "yarn", factor: 4 }).inverseFrequencies;
  const ratios = Array.from(plain, (frequency, pair) => frequency / yarn[pair]!);
  expect(ratios.slice(0, 24).every((ratio) => ratio === 1)).toBe(true);
  expect(ratios.slice(24, 40).every((ratio) => ratio > 1.001 && ratio < 3.999)).toBe(true);
  expect(ratios.slice(40).every((ratio) => Math.abs(ratio - 4) < 1e-6)).toBe(true);
});

test("pairs follow the declared block, and options before it", () => {
  const rope_scaling = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32_768, truncate: false };
  const config = { ...qwen2, max_position_embeddings: 131_072, rope_scaling };
  const { low, high, kept, blended, interpolated } = yarnPairs(config);
  expect(low).toBeCloseTo(23.6, 1);
  expect(high).toBeCloseTo(39.65, 1);
  expect([kept, blended, interpolated]).toEqual([24, 16, 24]);
  expect(yarnPairs(config, { originalWindow: 4096 }).kept).toBeLessThan(kept);
  expect(yarnPairs(config, { factor: 8 })).toEqual(yarnPairs(config));
});

test("a short window interpolates most pairs, a long one keeps all, up to the clamp", () => {
  expect(yarnPairs({ ...qwen2, max_position_embeddings: 256 }, { factor: 2 })).toMatchObject({ low: 1, high: 18 });
  const fast = { head_dim: 64, rope_theta: 1000, max_position_embeddings: 10_000_000 };
  expect(yarnPairs(fast, { factor: 2 })).toMatchObject({ low: 50, kept: 32, interpolated: 0 });
  // Past the clamp of the reference its ramp is upside down, and all pairs are interpolated.
  const faster = { ...fast, max_position_embeddings: 1_000_000_000_000 };
  expect(yarnPairs(faster, { factor: 2 })).toMatchObject({ low: 103, high: 63, kept: 0, interpolated: 32 });
});

test("equal bounds make a step, not a division by zero", () => {
  const rope_scaling = { rope_type: "yarn", factor: 4, beta_fast: 4, beta_slow: 4, truncate: false };
  const config = { ...qwen2, rope_scaling };
  const { low, high, blended } = yarnPairs(config);
  expect(high).toBe(low);
  expect(blended).toBe(0);
  expect(resolveRotaryEncoding(config).inverseFrequencies.every(Number.isFinite)).toBe(true);
});

test("the attention scaling: given, weighted, from the factor, none", () => {
  expect(attentionScaling({ factor: 4 })).toBeCloseTo(1 + 0.1 * Math.log(4), 15);
  expect(attentionScaling({ factor: 1 })).toBe(1);
  expect(attentionScaling({ factor: 4, attention_factor: 0.8 })).toBe(0.8);
  expect(attentionScaling({ factor: 1, attention_factor: 2 })).toBe(2);
  expect(attentionScaling({ factor: 40, mscale: 1, mscale_all_dim: 1 })).toBe(1);
  const weighted = (1 + 0.08 * Math.log(40)) / (1 + 0.1 * Math.log(40));
  expect(attentionScaling({ factor: 40, mscale: 0.8, mscale_all_dim: 1 })).toBeCloseTo(weighted, 15);
  // One weight alone, or a weight of 0, is not read.
  for (const weights of [{ mscale: 0.5 }, { mscale_all_dim: 0.5 }, { mscale: 0.5, mscale_all_dim: 0 }]) {
    expect(attentionScaling({ factor: 4, ...weights })).toBe(attentionScaling({ factor: 4 }));
  }
});
