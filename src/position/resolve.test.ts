import { expect, test } from "vitest";
import { type RotaryConfig, type RotaryOptions, resolveRotaryEncoding, rotaryMethods } from "./index.ts";

const bare = { head_dim: 16, rope_theta: 1e6, max_position_embeddings: 4096 };
const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 1024, beta_fast: 16 };

function withBlock(rope_scaling: object): RotaryConfig {
  return { ...bare, rope_scaling };
}

function expectSame(config: RotaryConfig, options: RotaryOptions, reference: RotaryConfig): void {
  expect(resolveRotaryEncoding(config, options)).toEqual(resolveRotaryEncoding(reference));
}

test("a method asked for on a configuration without a block is the block of its defaults", () => {
  expectSame(bare, { method: "yarn", factor: 4 }, withBlock({ rope_type: "yarn", factor: 4 }));
  expectSame(
    bare,
    { method: "yarn", factor: 4, originalWindow: 1024 },
    withBlock({ rope_type: "yarn", factor: 4, original_max_position_embeddings: 1024 }),
  );
  expectSame(bare, { method: "linear", factor: 4 }, withBlock({ rope_type: "linear", factor: 4 }));
});

test("another method than the declared one takes nothing from the declared block", () => {
  expectSame(withBlock(yarn), { method: "linear", factor: 2 }, withBlock({ rope_type: "linear", factor: 2 }));
  const ntk = withBlock({ rope_type: "dynamic", factor: 8, attention_factor: 2, beta_fast: 16 });
  expectSame(ntk, { method: "yarn", factor: 2 }, withBlock({ rope_type: "yarn", factor: 2 }));
  expect(() => resolveRotaryEncoding(withBlock(yarn), { method: "linear" })).toThrow(/rope_scaling\.factor/);
});

test("but the geometry in the block stays: it is the model's", () => {
  const rope_parameters = { ...yarn, rope_theta: 5e5, partial_rotary_factor: 0.5 };
  const config = { head_dim: 16, max_position_embeddings: 4096, rope_parameters };
  const plain = { ...bare, rope_theta: 5e5, partial_rotary_factor: 0.5 };
  expectSame(config, { method: "default" }, plain);
  expectSame(config, { method: "linear", factor: 2 }, { ...plain, rope_scaling: { type: "linear", factor: 2 } });
});

test("method default is plain, whatever is declared or said about a factor", () => {
  expectSame(withBlock(yarn), { method: "default" }, bare);
  expectSame(withBlock(yarn), { method: "default", factor: 4, originalWindow: 1024 }, bare);
  expectSame(bare, { factor: 1 }, bare);
});

test("options override single numbers of the declared block", () => {
  for (const method of [undefined, "yarn" as const]) {
    expectSame(withBlock(yarn), { method }, withBlock(yarn));
    expectSame(withBlock(yarn), { method, factor: 2 }, withBlock({ ...yarn, factor: 2 }));
    const moved = withBlock({ ...yarn, original_max_position_embeddings: 2048 });
    expectSame(withBlock(yarn), { method, originalWindow: 2048 }, moved);
  }
  const phi = { ...withBlock(yarn), original_max_position_embeddings: 512 };
  expectSame(phi, { originalWindow: 1024 }, withBlock(yarn));
});

test("a factor may repair a block that has none", () => {
  expectSame(withBlock({ rope_type: "yarn" }), { factor: 4 }, withBlock({ rope_type: "yarn", factor: 4 }));
});

test("the length matters to dynamic and longrope only, and only past the window", () => {
  const lists = { short_factor: [1, 1, 1, 1, 1, 1, 1, 1], long_factor: [1, 2, 3, 4, 5, 6, 7, 8] };
  const numbers = { factor: 4, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 4096 };
  for (const rope_type of rotaryMethods) {
    const config = withBlock({ rope_type, ...lists, ...numbers });
    const none = resolveRotaryEncoding(config);
    for (const sequenceLength of [0, 1, 4096]) {
      expect(resolveRotaryEncoding(config, { sequenceLength }), rope_type).toEqual(none);
    }
    const past = resolveRotaryEncoding(config, { sequenceLength: 4097 });
    expect(past.inverseFrequencies[7] !== none.inverseFrequencies[7], rope_type).toBe(
      rope_type === "dynamic" || rope_type === "longrope",
    );
    expect(past.attentionScaling, rope_type).toBe(none.attentionScaling);
  }
});

test("dynamic of factor 1 at s windows stretches the slowest pair by s, and leaves the fastest", () => {
  const at = (sequenceLength: number): Float32Array =>
    resolveRotaryEncoding(bare, { method: "dynamic", factor: 1, sequenceLength }).inverseFrequencies;
  expect(at(16_384)[0]).toBe(1);
  expect(at(4096)[7]! / at(16_384)[7]!).toBeCloseTo(4, 5);
  const moved = resolveRotaryEncoding(bare, {
    method: "dynamic",
    factor: 1,
    originalWindow: 1024,
    sequenceLength: 4096,
  });
  expect(moved.inverseFrequencies).toEqual(at(16_384));
});

test("encodings are not shared between calls", () => {
  const first = resolveRotaryEncoding(bare);
  first.inverseFrequencies.fill(0);
  expect(resolveRotaryEncoding(bare).inverseFrequencies[0]).toBe(1);
});
