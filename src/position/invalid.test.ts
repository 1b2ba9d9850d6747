import { expect, test } from "vitest";
import {
  InvalidConfigError,
  type RotaryConfig,
  type RotaryOptions,
  readRotaryParameters,
  resolveRotaryEncoding,
  yarnPairs,
} from "./index.ts";

const base = { head_dim: 8, rope_theta: 1e6, max_position_embeddings: 4096 };
const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 1024 };
const longrope = { rope_type: "longrope", short_factor: [1, 1, 1, 1], long_factor: [1, 2, 4, 8] };
const llama3 = {
  rope_type: "llama3",
  factor: 8,
  low_freq_factor: 1,
  high_freq_factor: 4,
  original_max_position_embeddings: 1024,
};

/** Configurations are hostile: what the types forbid must be refused at run time too. */
function refusal(config: unknown, options?: unknown): InvalidConfigError {
  try {
    resolveRotaryEncoding(config as RotaryConfig, options as RotaryOptions);
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidConfigError);
    return error as InvalidConfigError;
  }
  throw new Error("was not refused");
}

function expectRefusal(field: string, config: unknown, options?: unknown): void {
  const error = refusal(config, options);
  expect(error.field).toBe(field);
  expect(error.code).toBe("invalid_config");
  expect(error.message.startsWith(`${field}: `)).toBe(true);
  expect(error.message).not.toContain("\n");
  expect(error.message.length).toBeLessThan(200);
}

const notFactors = [0, 0.5, -4, Number.NaN, Infinity, 1e300, "4", true, [4], {}];

test.each(["linear", "dynamic", "yarn", "llama3", "longrope"])("%s refuses what is no factor", (rope_type) => {
  const block = { ...longrope, ...llama3, rope_type };
  for (const factor of notFactors) {
    expectRefusal("rope_scaling.factor", { ...base, rope_scaling: { ...block, factor } });
    expectRefusal("rope_parameters.factor", { ...base, rope_parameters: { ...block, factor } });
  }
});

test.each(["linear", "dynamic", "yarn", "llama3"])("%s needs a factor", (rope_type) => {
  const { factor: _, ...block } = { ...llama3, rope_type };
  expectRefusal("rope_scaling.factor", { ...base, rope_scaling: block });
  expectRefusal("rope_scaling.factor", base, { method: rope_type });
});

test("the head is even, and of a size that exists", () => {
  for (const head_dim of [0, 1, 7, 8.5, -8, 1e9, Number.NaN, Infinity, "8", {}]) {
    expectRefusal("head_dim", { ...base, head_dim });
  }
  expectRefusal("head_dim", { max_position_embeddings: 4096 });
  const split = (hidden_size: unknown, num_attention_heads: unknown): unknown => ({
    hidden_size,
    num_attention_heads,
    max_position_embeddings: 4096,
  });
  expectRefusal("hidden_size", split(100, 3));
  expectRefusal("hidden_size", split(null, 4));
  expectRefusal("num_attention_heads", split(64, undefined));
  expectRefusal("num_attention_heads", split(64, 0));
  expectRefusal("hidden_size / num_attention_heads", split(2 ** 30, 1));
  expectRefusal("head_dim", split(21, 3));
});

test("the rotated part of a head is even, and a part", () => {
  for (const partial_rotary_factor of [0, -0.5, 1.5, Number.NaN, "0.5", 0.2, 0.375]) {
    expectRefusal("partial_rotary_factor", { ...base, partial_rotary_factor });
  }
  expectRefusal("rope_parameters.partial_rotary_factor", { ...base, rope_parameters: { partial_rotary_factor: 2 } });
});

test("the base and the windows are numbers that mean something", () => {
  for (const value of [0, -1, Number.NaN, Infinity, 1e300, "10000", [1e4]]) {
    expectRefusal("rope_theta", { ...base, rope_theta: value });
    expectRefusal("rope_parameters.rope_theta", { ...base, rope_parameters: { rope_theta: value } });
  }
  for (const value of [0, -1, 0.5, Number.NaN, Infinity, 1e300, "4096"]) {
    expectRefusal("max_position_embeddings", { ...base, max_position_embeddings: value });
    expectRefusal("original_max_position_embeddings", { ...base, original_max_position_embeddings: value });
    const block = { ...yarn, original_max_position_embeddings: value };
    expectRefusal("rope_scaling.original_max_position_embeddings", { ...base, rope_scaling: block });
  }
  expectRefusal("max_position_embeddings", { head_dim: 8 });
  expectRefusal("rope_theta", { ...base, rope_theta: 1, rope_scaling: yarn });
});

test("a block is an object of a known type", () => {
  for (const block of [[], [4], "yarn", 4, true]) {
    expectRefusal("rope_scaling", { ...base, rope_scaling: block });
    expectRefusal("rope_parameters", { ...base, rope_parameters: block });
  }
  for (const name of ["YARN", "ntk", "proportional", "", "__proto__", "constructor", "toString", 4, {}, ["yarn"]]) {
    expectRefusal("rope_scaling.rope_type", { ...base, rope_scaling: { rope_type: name, factor: 4 } });
    expectRefusal("rope_scaling.type", { ...base, rope_scaling: { type: name, factor: 4 } });
  }
  const { message } = refusal({ ...base, rope_scaling: { rope_type: "ntk", factor: 4 } });
  expect(message).toContain(
    'unknown type "ntk"; known are default, linear, dynamic, yarn, longrope, llama3, su, mrope',
  );
});

test("a scaling without a type is not ignored", () => {
  for (const key of ["factor", "beta_fast", "short_factor", "attention_factor", "original_max_position_embeddings"]) {
    expectRefusal("rope_scaling.rope_type", { ...base, rope_scaling: { [key]: 4 } });
    expectRefusal("rope_parameters.rope_type", {
      ...base,
      rope_parameters: { rope_theta: 1e6, rope_type: null, [key]: 4 },
    });
  }
});

test("blocks for each type of layer are refused, not half read", () => {
  const nested = { full_attention: { rope_type: "default" }, sliding_attention: { rope_type: "default" } };
  expectRefusal("rope_parameters", { ...base, rope_parameters: nested });
  expect(refusal({ ...base, rope_parameters: nested }).message).toContain('"full_attention"');
});

test("yarn refuses numbers that it cannot follow", () => {
  for (const key of ["attention_factor", "beta_fast", "beta_slow", "mscale", "mscale_all_dim"]) {
    for (const value of [-1, Number.NaN, Infinity, 1e300, 5e-324, "1", [1], true]) {
      expectRefusal(`rope_scaling.${key}`, { ...base, rope_scaling: { ...yarn, [key]: value } });
    }
  }
  expectRefusal("rope_scaling.attention_factor", { ...base, rope_scaling: { ...yarn, attention_factor: 0 } });
  for (const truncate of ["false", 0, 1, {}]) {
    expectRefusal("rope_scaling.truncate", { ...base, rope_scaling: { ...yarn, truncate } });
  }
  expectRefusal("rope_scaling.beta_fast", { ...base, rope_scaling: { ...yarn, beta_fast: 1, beta_slow: 2 } });
  expectRefusal("rope_scaling.beta_slow", { ...base, rope_scaling: { ...yarn, beta_slow: 33 } });
  // A null factor is the ratio of the windows, which is none here.
  const shrunk = { ...yarn, factor: null, original_max_position_embeddings: 8192 };
  expectRefusal("rope_scaling.factor", { ...base, rope_scaling: shrunk });
  expectRefusal("rope_scaling.factor", { ...base, rope_scaling: { rope_type: "yarn", factor: null } });
});

test("longrope needs two lists with a divisor for each pair", () => {
  for (const key of ["short_factor", "long_factor"]) {
    for (const list of [undefined, null, 4, "1,1,1,1", { length: 4 }, [], [1, 1, 1], [1, 1, 1, 1, 1]]) {
      expectRefusal(`rope_scaling.${key}`, { ...base, rope_scaling: { ...longrope, [key]: list } });
    }
    for (const element of [0, -1, Number.NaN, "1", null, undefined, [1], 1e300, 1e-300]) {
      const list = [1, 1, element, 1];
      expectRefusal(`rope_scaling.${key}[2]`, { ...base, rope_scaling: { ...longrope, [key]: list } });
    }
  }
  expectRefusal("rope_scaling.short_factor", base, { method: "longrope", factor: 4 });
  // A hole in a list is no number either.
  const sparse = [1, 1, 1, 1];
  delete sparse[1];
  expectRefusal("rope_scaling.long_factor[1]", { ...base, rope_scaling: { ...longrope, long_factor: sparse } });
  expectRefusal("original_max_position_embeddings", { ...base, rope_scaling: longrope }, { originalWindow: 1 });
});

test("llama3 needs its four numbers, in order", () => {
  for (const key of ["low_freq_factor", "high_freq_factor", "original_max_position_embeddings"] as const) {
    const { [key]: _, ...block } = llama3;
    expectRefusal(`rope_scaling.${key}`, { ...base, rope_scaling: block });
    expectRefusal(`rope_scaling.${key}`, { ...base, rope_scaling: { ...llama3, [key]: "4" } });
  }
  expectRefusal("rope_scaling.low_freq_factor", { ...base, rope_scaling: { ...llama3, low_freq_factor: 0 } });
  expectRefusal("rope_scaling.high_freq_factor", { ...base, rope_scaling: { ...llama3, high_freq_factor: 1 } });
});

test("dynamic refuses what has no growth", () => {
  const block = { rope_type: "dynamic", factor: 2 };
  expectRefusal("head_dim", { ...base, head_dim: 2, rope_scaling: block });
  const config = { ...base, head_dim: 4, rope_theta: 1e30, rope_scaling: block };
  expectRefusal("sequenceLength", config, { sequenceLength: 2 ** 53 - 1 });
});

test("options are refused like fields", () => {
  for (const factor of notFactors) {
    expectRefusal("factor", base, { method: "yarn", factor });
  }
  for (const length of [-1, 0.5, Number.NaN, Infinity, "4096"]) {
    expectRefusal("originalWindow", base, { method: "yarn", factor: 4, originalWindow: length });
    expectRefusal("sequenceLength", base, { sequenceLength: length });
  }
  for (const method of ["ntk", "su", "constructor", "", 4]) {
    expectRefusal("method", base, { method });
  }
});

test("a factor without any method is not ignored", () => {
  expectRefusal("factor", base, { factor: 4 });
  expectRefusal("factor", { ...base, rope_scaling: { type: "mrope" } }, { factor: 4 });
});

test("what is no configuration at all is refused, and what is no options", () => {
  for (const config of [null, undefined, [], "qwen2", 4]) {
    expectRefusal("config", config);
  }
  for (const options of [null, "yarn", 4]) {
    expectRefusal("options", base, options);
  }
});

test("the other readers refuse the same", () => {
  const config = { ...base, rope_scaling: { ...yarn, factor: 0.5 } };
  expect(() => readRotaryParameters(config)).toThrow(InvalidConfigError);
  expect(() => yarnPairs(config)).toThrow(InvalidConfigError);
  expect(() => yarnPairs(base)).toThrow(/rope_scaling\.factor/);
});

test("long and strange values make short messages", () => {
  const error = refusal({ ...base, rope_scaling: { rope_type: "x\n".repeat(10_000) } });
  expect(error.message.length).toBeLessThan(250);
  expect(error.message).not.toContain("\n");
});
