import { expect, test } from "vitest";
import { type RotaryConfig, readRotaryParameters, resolveRotaryEncoding } from "./index.ts";

const base = { head_dim: 8, rope_theta: 1e6, max_position_embeddings: 4096 };
const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 1024 };
const longrope = { rope_type: "longrope", short_factor: [1, 1, 1, 1], long_factor: [1, 2, 4, 8] };

/** As it comes from a file, extra keys and all. */
function parsed(text: string): RotaryConfig {
  return JSON.parse(text) as RotaryConfig;
}

test("a configuration without a block", () => {
  expect(readRotaryParameters(base)).toEqual({
    method: "default",
    theta: 1e6,
    headDim: 8,
    partialRotaryFactor: 1,
    dimensions: 8,
    pairs: 4,
    maxPositionEmbeddings: 4096,
    originalWindow: undefined,
    factor: undefined,
    attentionFactor: undefined,
    declared: false,
    blockField: undefined,
    hasAttnFactor: false,
    typeKeysDisagree: false,
    blocksDisagree: false,
    originalWindowsDisagree: false,
  });
});

test("a yarn block with everything in it", () => {
  const block = {
    ...yarn,
    attention_factor: 1.2,
    beta_fast: 16,
    beta_slow: 2,
    mscale: 0.8,
    mscale_all_dim: 1,
    truncate: false,
  };
  expect(readRotaryParameters({ ...base, rope_scaling: block })).toMatchObject({
    method: "yarn",
    declared: true,
    blockField: "rope_scaling",
    factor: 4,
    originalWindow: 1024,
    attentionFactor: 1.2,
    betaFast: 16,
    betaSlow: 2,
    mscale: 0.8,
    mscaleAllDim: 1,
    truncate: false,
  });
});

test("what a yarn block may leave out, or write as null or 0", () => {
  const defaults = {
    attentionFactor: undefined,
    betaFast: 32,
    betaSlow: 1,
    mscale: undefined,
    mscaleAllDim: undefined,
    truncate: true,
    originalWindow: undefined,
  };
  const nulls = { original_max_position_embeddings: null, attention_factor: null, beta_fast: null, beta_slow: null };
  const zeros = { beta_fast: 0, beta_slow: 0, mscale: 0, mscale_all_dim: 0 };
  for (const extra of [{}, nulls, zeros]) {
    const rope_scaling = { rope_type: "yarn", factor: 4, ...extra };
    expect(readRotaryParameters({ ...base, rope_scaling })).toMatchObject(defaults);
  }
  // Python takes the null itself, which is false.
  expect(readRotaryParameters({ ...base, rope_scaling: { ...yarn, truncate: null } })).toMatchObject({
    truncate: false,
  });
});

test("a yarn factor of null is the ratio of the windows, as in transformers 5", () => {
  const rope_scaling = { ...yarn, factor: null };
  expect(readRotaryParameters({ ...base, rope_scaling }).factor).toBe(4);
  expect(resolveRotaryEncoding({ ...base, rope_scaling })).toEqual(
    resolveRotaryEncoding({ ...base, rope_scaling: yarn }),
  );
});

test("head_dim comes before hidden_size / num_attention_heads", () => {
  const sizes = { hidden_size: 1024, num_attention_heads: 16, max_position_embeddings: 4096 };
  expect(readRotaryParameters({ ...sizes, head_dim: 128 }).headDim).toBe(128);
  expect(readRotaryParameters({ ...sizes, head_dim: null }).headDim).toBe(64);
  expect(readRotaryParameters(sizes).headDim).toBe(64);
});

test("rope_theta: the block's, the configuration's, 10000", () => {
  const bare = { head_dim: 8, max_position_embeddings: 4096 };
  expect(readRotaryParameters(bare).theta).toBe(10_000);
  expect(readRotaryParameters({ ...bare, rope_theta: null }).theta).toBe(10_000);
  expect(readRotaryParameters({ ...base, rope_parameters: { rope_theta: null } }).theta).toBe(1e6);
  expect(readRotaryParameters({ ...base, rope_parameters: { rope_theta: 5e5 } }).theta).toBe(5e5);
  expect(readRotaryParameters({ ...base, rope_scaling: { ...yarn, rope_theta: 5e5 } }).theta).toBe(5e5);
});

test("a part of the head is rotated, rounded down as Python's int does", () => {
  const phi2 = { hidden_size: 2560, num_attention_heads: 32, max_position_embeddings: 2048 };
  expect(readRotaryParameters({ ...phi2, partial_rotary_factor: 0.4 })).toMatchObject({ dimensions: 32, pairs: 16 });
  const mimo = { head_dim: 192, max_position_embeddings: 4096, partial_rotary_factor: 0.334 };
  expect(readRotaryParameters(mimo)).toMatchObject({ headDim: 192, dimensions: 64 });
  const inBlock = { ...phi2, partial_rotary_factor: 1, rope_parameters: { partial_rotary_factor: 0.5 } };
  expect(readRotaryParameters(inBlock).dimensions).toBe(40);
  expect(resolveRotaryEncoding(inBlock).inverseFrequencies).toHaveLength(20);
});

test("rope_type comes before type", () => {
  const method = (rope_scaling: object): string => readRotaryParameters({ ...base, rope_scaling }).method;
  expect(method({ type: "linear", factor: 2 })).toBe("linear");
  expect(method({ rope_type: null, type: "linear", factor: 2 })).toBe("linear");
  expect(method({ rope_type: "yarn", type: "linear", factor: 2 })).toBe("yarn");
  const disagree = (rope_scaling: object): boolean => readRotaryParameters({ ...base, rope_scaling }).typeKeysDisagree;
  expect(disagree({ rope_type: "yarn", type: "linear", factor: 2 })).toBe(true);
  expect(disagree({ rope_type: "yarn", type: "unheard of", factor: 2 })).toBe(true);
  expect(disagree({ rope_type: "yarn", type: "yarn", factor: 2 })).toBe(false);
  expect(disagree({ ...longrope, type: "su" })).toBe(false);
});

test("the legacy names su and mrope", () => {
  expect(readRotaryParameters({ ...base, rope_scaling: { ...longrope, rope_type: "su" } })).toMatchObject({
    method: "longrope",
    declared: true,
  });
  const mrope = { ...base, rope_scaling: { type: "mrope", mrope_section: [16, 24, 24] } };
  expect(readRotaryParameters(mrope)).toMatchObject({ method: "default", declared: false });
  expect(resolveRotaryEncoding(mrope)).toEqual(resolveRotaryEncoding(base));
});

test("blocks that say nothing declare nothing", () => {
  for (const block of [null, undefined, {}, { rope_type: null, factor: null }, { rope_type: "default", factor: 0 }]) {
    expect(readRotaryParameters({ ...base, rope_scaling: block })).toMatchObject({
      method: "default",
      declared: false,
    });
    expect(readRotaryParameters({ ...base, rope_parameters: block }).declared).toBe(false);
  }
  // Past an empty rope_scaling, rope_parameters are followed.
  const config = { ...base, rope_scaling: {}, rope_parameters: { ...yarn, rope_theta: 5e5 } };
  expect(readRotaryParameters(config)).toMatchObject({ method: "yarn", theta: 5e5, blockField: "rope_parameters" });
});

test("rope_scaling replaces rope_parameters as a whole, and a contradiction can be seen", () => {
  const plain = { rope_theta: 5e5, rope_type: "default" };
  const bare = { head_dim: 8, max_position_embeddings: 4096 };
  expect(readRotaryParameters({ ...bare, rope_scaling: yarn, rope_parameters: plain })).toMatchObject({
    method: "yarn",
    theta: 10_000,
    blockField: "rope_scaling",
    blocksDisagree: true,
  });
  const disagree = (config: object): boolean => readRotaryParameters({ ...base, ...config }).blocksDisagree;
  expect(disagree({ rope_scaling: yarn, rope_parameters: { ...yarn, rope_theta: 1e6, extra: null } })).toBe(false);
  expect(disagree({ rope_scaling: yarn, rope_parameters: { ...yarn, rope_theta: 5e5 } })).toBe(true);
  expect(disagree({ rope_scaling: yarn, rope_parameters: { ...yarn, factor: 2 } })).toBe(true);
  expect(disagree({ rope_scaling: { ...longrope }, rope_parameters: structuredClone(longrope) })).toBe(false);
  const longer = { ...longrope, long_factor: [1, 2, 4, 9] };
  expect(disagree({ rope_scaling: longrope, rope_parameters: longer })).toBe(true);
});

test("the configuration's original window comes before the block's, and a contradiction can be seen", () => {
  const config = { ...base, original_max_position_embeddings: 2048 };
  expect(readRotaryParameters({ ...config, rope_scaling: yarn })).toMatchObject({
    originalWindow: 2048,
    originalWindowsDisagree: true,
  });
  expect(readRotaryParameters({ ...base, rope_scaling: yarn })).toMatchObject({
    originalWindow: 1024,
    originalWindowsDisagree: false,
  });
  expect(readRotaryParameters(config)).toMatchObject({ originalWindow: 2048, originalWindowsDisagree: false });
  // Dynamic NTK grows from max_position_embeddings, whatever else is written.
  const dynamic = { rope_type: "dynamic", factor: 2, original_max_position_embeddings: 1024 };
  expect(readRotaryParameters({ ...base, rope_scaling: dynamic })).toMatchObject({
    originalWindow: undefined,
    growthWindow: 4096,
  });
});

test("attn_factor is seen, and changes nothing", () => {
  const marked = { ...base, rope_scaling: { ...yarn, attn_factor: 1 } };
  expect(readRotaryParameters(marked).hasAttnFactor).toBe(true);
  expect(readRotaryParameters({ ...base, rope_scaling: { ...yarn, attn_factor: null } }).hasAttnFactor).toBe(false);
  expect(resolveRotaryEncoding(marked)).toEqual(resolveRotaryEncoding({ ...base, rope_scaling: yarn }));
});

test("longrope's factor is the block's, or the ratio of the windows", () => {
  const config = { ...base, original_max_position_embeddings: 1024 };
  expect(readRotaryParameters({ ...config, rope_scaling: longrope }).factor).toBe(4);
  expect(readRotaryParameters({ ...config, rope_scaling: { ...longrope, factor: 2 } }).factor).toBe(2);
  expect(readRotaryParameters({ ...base, rope_scaling: longrope }).factor).toBe(1);
});

test("prototype keys of a file mean nothing", () => {
  const config = parsed(
    '{"head_dim": 8, "max_position_embeddings": 4096, "__proto__": {"rope_theta": 5},' +
      ' "rope_scaling": {"rope_type": "yarn", "factor": 4, "__proto__": {"beta_fast": 2}, "constructor": 1}}',
  );
  expect(readRotaryParameters(config)).toMatchObject({ theta: 10_000, betaFast: 32 });
});

test("a configuration is not changed by reading it", () => {
  const config = { ...base, rope_scaling: { ...longrope }, rope_parameters: { ...yarn } };
  const before = structuredClone(config);
  resolveRotaryEncoding(config, { method: "yarn", factor: 2 });
  readRotaryParameters(Object.freeze(config));
  expect(config).toEqual(before);
});
