import { expect, test } from "vitest";
import { InvalidOptionError } from "../errors.ts";
import { chooseEncoding, resolveEncoding } from "./encoding.ts";
import { factorFor, plan } from "./plan.ts";
import { type ContextConfig, resolveContext, windowAt } from "./settings.ts";

const rope = { head_dim: 128, rope_theta: 1e6 };
const base: ContextConfig = { model_type: "qwen2", ...rope, max_position_embeddings: 131072 };
const instruct: ContextConfig = { model_type: "qwen2", ...rope, max_position_embeddings: 32768 };
const qwen3: ContextConfig = { model_type: "qwen3", ...rope, max_position_embeddings: 40960 };
const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32768 };
const llama: ContextConfig = {
  model_type: "llama",
  head_dim: 128,
  rope_theta: 5e5,
  max_position_embeddings: 131072,
  rope_scaling: {
    rope_type: "llama3",
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  },
};

const windows = (config: ContextConfig, options = {}): unknown => {
  const { nativeWindow, originalWindow, extendedWindow, maximumFactor, schedule, method } = resolveContext(
    config,
    options,
  );
  return { nativeWindow, originalWindow, extendedWindow, maximumFactor, schedule, method };
};

test("the base model takes 131072 tokens with no setting at all", () => {
  expect(windows(base)).toMatchObject({
    nativeWindow: 131072,
    extendedWindow: 131072,
    maximumFactor: 1,
    method: "none",
  });
});

test("the instruct model ends at 32768, unless YaRN is enabled", () => {
  expect(windows(instruct)).toMatchObject({ nativeWindow: 32768, extendedWindow: 32768, maximumFactor: 1 });
  expect(windows(instruct, { extend: "yarn" })).toEqual({
    nativeWindow: 32768,
    originalWindow: 32768,
    extendedWindow: 131072,
    maximumFactor: 4,
    schedule: "dynamic",
    method: "yarn",
  });
  expect(windows(instruct, { extend: "yarn", factor: 1.5 })).toMatchObject({ extendedWindow: 49152 });
});

test("a declared yarn block is dynamic for Qwen, and its original window the native one", () => {
  const declared = { ...instruct, max_position_embeddings: 131072, rope_scaling: yarn };
  const expected = {
    nativeWindow: 32768,
    extendedWindow: 131072,
    maximumFactor: 4,
    schedule: "dynamic",
    method: "yarn",
  };
  expect(windows(declared)).toMatchObject(expected);
  expect(windows({ ...declared, max_position_embeddings: 32768 })).toMatchObject(expected);
  expect(windows(declared, { extend: "none" })).toMatchObject({ extendedWindow: 32768, method: "none" });
  expect(windows(declared, { factor: 2 })).toMatchObject({ extendedWindow: 65536, maximumFactor: 2 });
  expect(windows(declared, { schedule: "static" })).toMatchObject({ schedule: "static", extendedWindow: 131072 });
});

test("a yarn block with an attention factor of its own was trained with: static", () => {
  for (const own of [{ attention_factor: 1.1 }, { attn_factor: 1.1 }]) {
    const declared = { ...instruct, rope_scaling: { ...yarn, ...own } };
    expect(windows(declared)).toMatchObject({
      schedule: "static",
      method: "trained",
      maximumFactor: 4,
      extendedWindow: 131072,
    });
    expect(windows(declared, { schedule: "dynamic" })).toMatchObject({ schedule: "dynamic", method: "yarn" });
  }
});

test("YaRN that a model was trained with can be asked for by name, and no other factor or method", () => {
  const block = { type: "yarn", factor: 32, original_max_position_embeddings: 4096 };
  const mistral = { ...base, model_type: "mistral", rope_scaling: block };
  const own = { ...instruct, rope_scaling: { ...yarn, factor: 32, attention_factor: 1.1 } };
  for (const config of [mistral, { ...mistral, model_type: "llama" }, own]) {
    const declared = resolveContext(config);
    expect(declared).toMatchObject({ method: "trained", schedule: "static", maximumFactor: 32 });
    for (const options of [{ extend: "yarn" }, { extend: "yarn", factor: 32 }] as const) {
      const settings = resolveContext(config, options);
      expect(settings).toEqual(declared);
      expect(factorFor(settings, 100)).toBe(32);
      const dynamic = { schedule: "dynamic" } as const;
      expect(resolveContext(config, { ...options, ...dynamic })).toEqual(resolveContext(config, dynamic));
    }
    for (const options of [{ factor: 8 }, { factor: 64 }, { factor: 8, schedule: "dynamic" }] as const)
      expect(() => resolveContext(config, { extend: "yarn", ...options })).toThrow(
        "context.extend: yarn cannot be put on yarn scaling, which this model was trained with (factor 32)",
      );
    for (const extend of ["linear", "ntk"] as const)
      expect(() => resolveContext(config, { extend })).toThrow(`${extend} cannot be put on yarn scaling`);
  }
});

test("Qwen3 is native to 40960 and its YaRN refers to 32768", () => {
  expect(windows(qwen3)).toMatchObject({ nativeWindow: 40960, extendedWindow: 40960 });
  expect(windows(qwen3, { extend: "yarn", factor: 4 })).toMatchObject({
    nativeWindow: 40960,
    originalWindow: 32768,
    extendedWindow: 131072,
  });
  expect(windows({ ...qwen3, rope_scaling: yarn })).toMatchObject({ nativeWindow: 32768, extendedWindow: 131072 });
});

test("Llama 3.1 is native to 131072, and its scaling is its own", () => {
  expect(windows(llama)).toMatchObject({
    nativeWindow: 131072,
    extendedWindow: 131072,
    method: "trained",
    schedule: "static",
  });
  expect(windows(llama, { extend: "none" })).toMatchObject({ nativeWindow: 131072, method: "trained" });
  expect(() => resolveContext(llama, { extend: "yarn" })).toThrow(/llama3 scaling, which this model was trained with/);
  expect(() => resolveContext(llama, { schedule: "dynamic" })).toThrow(InvalidOptionError);
  expect(() => resolveContext(llama, { factor: 4 })).toThrow(/factor 8, which cannot be changed/);
});

test("a yarn block without its original window is followed; nativeWindow mends it", () => {
  const declared = { ...instruct, max_position_embeddings: 131072, rope_scaling: { type: "yarn", factor: 4 } };
  expect(windows(declared)).toMatchObject({ nativeWindow: 131072, originalWindow: 131072, extendedWindow: 524288 });
  expect(windows(declared, { nativeWindow: 32768 })).toMatchObject({
    nativeWindow: 32768,
    originalWindow: 32768,
    extendedWindow: 131072,
  });
});

test("linear and ntk can be asked for; dynamic NTK that is declared reaches its factor", () => {
  expect(windows(instruct, { extend: "linear", factor: 2 })).toMatchObject({
    extendedWindow: 65536,
    method: "linear",
    schedule: "dynamic",
  });
  expect(windows(instruct, { extend: "ntk" })).toMatchObject({ extendedWindow: 131072, method: "ntk" });
  const ntk = { ...instruct, rope_scaling: { type: "dynamic", factor: 2 } };
  expect(windows(ntk)).toMatchObject({ nativeWindow: 32768, extendedWindow: 65536, method: "trained" });
  const linear = { ...instruct, rope_scaling: { type: "linear", factor: 2 } };
  expect(windows(linear)).toMatchObject({ nativeWindow: 32768, extendedWindow: 32768, method: "trained" });
});

test("steps are cut to the largest factor, and always begin with 1", () => {
  expect(resolveContext(instruct, { extend: "yarn", factor: 3 }).steps).toEqual([1, 2, 3]);
  expect(resolveContext(instruct, { extend: "yarn", factor: 4, steps: [4, 1.5] }).steps).toEqual([1, 1.5, 4]);
  expect(resolveContext(instruct, { extend: "yarn", steps: "continuous" }).steps).toBe("continuous");
});

test.each([
  [{ extend: "rope" }, "context.extend"],
  [{ extend: "yarn", factor: 0.5 }, "context.factor"],
  [{ extend: "yarn", factor: Number.NaN }, "context.factor"],
  [{ extend: "yarn", factor: "4" }, "context.factor"],
  [{ factor: 4 }, "context.factor"],
  [{ extend: "none", factor: 2 }, "context.factor"],
  [{ schedule: "sometimes" }, "context.schedule"],
  [{ growth: "toString" }, "context.growth"],
  [{ steps: [] }, "context.steps"],
  [{ steps: [1, -2] }, "context.steps[1]"],
  [{ nativeWindow: 0 }, "context.nativeWindow"],
  [{ nativeWindow: 1.5 }, "context.nativeWindow"],
  [{ allowBeyondWindow: 1 }, "context.allowBeyondWindow"],
  [{ yarn: true }, "context.yarn"],
])("options that cannot be followed are named: %j", (options, option) => {
  expect(() => resolveContext(instruct, options as never)).toThrow(
    expect.objectContaining({ code: "invalid_option", option }),
  );
});

test("schedule overrides where a dynamic form exists; dynamic NTK has one already", () => {
  const linear = { ...instruct, rope_scaling: { type: "linear", factor: 2 } };
  expect(windows(linear, { schedule: "dynamic" })).toMatchObject({
    method: "linear",
    maximumFactor: 2,
    extendedWindow: 65536,
  });
  const ntk = { ...instruct, rope_scaling: { type: "dynamic", factor: 2 } };
  expect(resolveContext(ntk, { schedule: "dynamic" })).toEqual(resolveContext(ntk));
  expect(windows(ntk, { schedule: "static" })).toMatchObject({ method: "trained", extendedWindow: 65536 });
});

test("Qwen3 with a yarn block that has no original window: max_position_embeddings is it", () => {
  const declared = { ...qwen3, rope_scaling: { rope_type: "yarn", factor: 4 } };
  expect(windows(declared)).toMatchObject({ nativeWindow: 40960, originalWindow: 40960, extendedWindow: 163840 });
});

test("longrope: short factors to the original window, long ones past it, for the whole sequence", () => {
  const factors = { short_factor: Array(64).fill(1), long_factor: Array(64).fill(4) };
  const phi = {
    model_type: "phi3",
    head_dim: 128,
    max_position_embeddings: 131072,
    original_max_position_embeddings: 4096,
    rope_scaling: { type: "longrope", ...factors },
  };
  for (const extend of ["declared", "none"] as const) {
    const settings = resolveContext(phi, { extend });
    expect(settings).toMatchObject({ nativeWindow: 131072, extendedWindow: 131072, method: "trained" });
    expect([4096, 4097, 131072].map((tokens) => factorFor(settings, tokens))).toEqual([1, 32, 32]);
    expect([windowAt(settings, 1), windowAt(settings, 32)]).toEqual([4096, 131072]);
    const divisors = [1, 32].map(
      (factor) => resolveEncoding(phi, chooseEncoding(settings, factor)).inverseFrequencies[0],
    );
    expect(divisors).toEqual([1, 0.25]);
  }
});

test("longrope whose block names the factor 1: long factors past the original window all the same", () => {
  const factors = { short_factor: Array(64).fill(1), long_factor: Array(64).fill(4) };
  const longrope = (block: object): ContextConfig => ({
    model_type: "llama",
    head_dim: 128,
    max_position_embeddings: 131072,
    rope_scaling: { rope_type: "longrope", factor: 1, ...factors, ...block },
  });
  const settings = resolveContext(longrope({ original_max_position_embeddings: 4096 }));
  expect(plan(settings, { tokens: 100 })).toMatchObject({ factor: 1, maxTokens: 3996 });
  const { factor, maxTokens } = plan(settings, { tokens: 5000 });
  expect([factor > 1, maxTokens]).toEqual([true, 131072 - 5000]);
  // Without an original window of its own, or with one as long as the window, the short factors reach its end.
  for (const block of [{}, { original_max_position_embeddings: 131072 }])
    expect(plan(resolveContext(longrope(block)), { tokens: 100 })).toMatchObject({ factor: 1, maxTokens: 130972 });
});

test("nativeWindow mends a yarn block that was trained with, too", () => {
  const own = { type: "yarn", factor: 4, attention_factor: 1.2 };
  const bare = { model_type: "qwen2", head_dim: 32, max_position_embeddings: 256, rope_scaling: own };
  const mended = resolveContext(bare, { nativeWindow: 64 });
  const right = { ...bare, rope_scaling: { ...own, original_max_position_embeddings: 64 } };
  expect(resolveEncoding(bare, chooseEncoding(mended, 4))).toEqual(
    resolveEncoding(right, chooseEncoding(resolveContext(right), 4)),
  );
});
