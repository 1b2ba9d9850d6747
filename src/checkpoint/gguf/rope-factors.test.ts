import { expect, test } from "vitest";
import { resolveRotaryEncoding } from "../../position/index.ts";
import { scalingOfFactors } from "./rope-factors.ts";
import { llama3Factors } from "./test-rope-factors.ts";

const config = (rope_scaling: object) => ({
  model_type: "llama",
  hidden_size: 512,
  num_attention_heads: 4,
  head_dim: 128,
  rope_theta: 5e5,
  max_position_embeddings: 131072,
  rope_scaling,
});

test("the factors of llama3 scaling are that block again, from float32", () => {
  expect(scalingOfFactors(llama3Factors(128), 5e5, 131072)).toEqual({
    rope_type: "llama3",
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  });
});

test.each<[string, (factors: Float32Array) => void]>([
  ["a blended pair that is another", (factors) => (factors[32] = factors[32]! * (1 + 2 ** -16))],
  ["a kept pair that is not quite 1", (factors) => (factors[3] = 1 + 2 ** -22)],
  ["all 1", (factors) => factors.fill(1)],
  ["no pattern", (factors) => factors.set(factors.map((_, i) => 1 + ((i * 7) % 5) / 3))],
])("other factors are carried one by one, without loss: %s", (_, change) => {
  const factors = llama3Factors(128);
  change(factors);
  const block = scalingOfFactors(factors, 5e5, 131072);
  expect(block).toMatchObject({ rope_type: "longrope", short_factor: Array.from(factors) });
  const plain = resolveRotaryEncoding(config({ rope_type: "default" }), {});
  for (const sequenceLength of [1, 131072, 200000]) {
    const encoding = resolveRotaryEncoding(config(block), { sequenceLength });
    expect(encoding.attentionScaling).toBe(1);
    encoding.inverseFrequencies.forEach((frequency, pair) => {
      expect(frequency / (plain.inverseFrequencies[pair]! / factors[pair]!)).toBeCloseTo(1, 6);
    });
  }
});
