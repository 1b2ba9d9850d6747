import { expect, test } from "vitest";
import { InvalidOptionError } from "../errors.ts";
import { ContextLengthError } from "./context-length-error.ts";
import { chooseEncoding, sameEncoding } from "./encoding.ts";
import { type Context, narrowContext } from "./narrow.ts";
import type { ContextOptions } from "./options.ts";
import { factorFor, plan } from "./plan.ts";
import { type ContextConfig, resolveContext, windowAt } from "./settings.ts";
import type { Tuning } from "./tuning.ts";
import { tuningWarnings } from "./tuning.ts";

const instruct: ContextConfig = { model_type: "qwen2", head_dim: 128, max_position_embeddings: 32768, rope_theta: 1e6 };
const llama: ContextConfig = {
  ...instruct,
  model_type: "llama",
  max_position_embeddings: 131072,
  rope_scaling: {
    rope_type: "llama3",
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  },
};

const contextOf = (tuning: Omit<Tuning, "adapter">, options: ContextOptions = {}, config = instruct): Context => {
  const own = { adapter: "law", ...tuning };
  return { options, settings: resolveContext(config, options, own), tuning: own };
};
const settingsOf = (...given: Parameters<typeof contextOf>) => contextOf(...given).settings;

const yarn4: ContextOptions = { extend: "yarn", factor: 4 };

test("an adapter that says nothing leaves the model's windows", () => {
  for (const options of [{}, yarn4]) {
    const base = resolveContext(instruct, options);
    expect(settingsOf({}, options)).toEqual(base);
    expect(settingsOf({ factor: 1 }, options)).toEqual(base);
    expect(settingsOf({ window: 32768 }, options)).toEqual({ ...base, adapter: "law" });
  }
});

test("a window takes the place of the native one: plain up to it, and factors refer to it", () => {
  for (const [window, extended] of [
    [65536, 262144],
    [8192, 32768],
  ] as const) {
    expect(settingsOf({ window })).toMatchObject({ nativeWindow: window, extendedWindow: window, method: "none" });
    const settings = settingsOf({ window }, yarn4);
    expect(settings).toMatchObject({ nativeWindow: window, originalWindow: window, extendedWindow: extended });
    expect([window, window + 1, 2 * window + 1, extended].map((tokens) => factorFor(settings, tokens))).toEqual([
      1, 2, 4, 4,
    ]);
    expect(chooseEncoding(settings, 1).options).toEqual({ method: "default" });
    expect(chooseEncoding(settings, 2).options).toEqual({ method: "yarn", factor: 2, originalWindow: window });
  }
});

test("a factor is that of every sequence, however short, up to the window; YaRN refers to the base's", () => {
  for (const tuning of [{ factor: 2 }, { factor: 2, window: 65536 }]) {
    const settings = settingsOf(tuning);
    expect(settings).toMatchObject({
      nativeWindow: 65536,
      extendedWindow: 65536,
      originalWindow: 32768,
      minimumFactor: 2,
    });
    expect([0, 1, 32768, 65536].map((tokens) => factorFor(settings, tokens))).toEqual([2, 2, 2, 2]);
    expect(() => factorFor(settings, 65537)).toThrow(ContextLengthError);
    expect(plan(settings, { tokens: 100 })).toEqual({ factor: 2, maxTokens: 65436, limit: "window" });
    expect(chooseEncoding(settings, 2).options).toEqual({ method: "yarn", factor: 2, originalWindow: 32768 });
    // The very encoding that the base has at this factor.
    expect(sameEncoding(chooseEncoding(settings, 2), chooseEncoding(resolveContext(instruct, yarn4), 2))).toBe(true);
  }
  expect(settingsOf({ factor: 2, window: 48000 })).toMatchObject({ nativeWindow: 48000, extendedWindow: 48000 });
});

test("past its window a factor grows only where the model's options allow it", () => {
  const settings = settingsOf({ factor: 2 }, yarn4);
  expect(settings).toMatchObject({ nativeWindow: 65536, extendedWindow: 131072, steps: [2, 4], schedule: "dynamic" });
  expect([1, 65536, 65537, 131072].map((tokens) => factorFor(settings, tokens))).toEqual([2, 2, 4, 4]);
  expect([windowAt(settings, 2), windowAt(settings, 4)]).toEqual([65536, 131072]);
  const odd = settingsOf({ factor: 3, window: 90000 }, yarn4);
  expect(odd).toMatchObject({ steps: [3, 4], nativeWindow: 90000, extendedWindow: 131072 });
  expect([90000, 90001].map((tokens) => factorFor(odd, tokens))).toEqual([3, 4]);
  expect(settingsOf({ factor: 4 }, { extend: "yarn", factor: 2 })).toMatchObject({
    extendedWindow: 131072,
    steps: [4],
  });
  const continuous = settingsOf({ factor: 2 }, { ...yarn4, steps: "continuous" });
  expect([1, 65536, 98304].map((tokens) => factorFor(continuous, tokens))).toEqual([2, 2, 3]);
  expect(settingsOf({ factor: 2 }, { ...yarn4, schedule: "static" })).toMatchObject({ maximumFactor: 4 });
  expect(factorFor(settingsOf({ factor: 2 }, { ...yarn4, schedule: "static" }), 1)).toBe(4);
});

test("the error names the adapter and its window, and the option that would help", () => {
  const caught = (tuning: Omit<Tuning, "adapter">, tokens: number): ContextLengthError => {
    try {
      plan(settingsOf(tuning), { tokens, maxTokens: 1 });
    } catch (error) {
      return error as ContextLengthError;
    }
    return expect.unreachable();
  };
  const error = caught({ factor: 2 }, 65536);
  expect(error).toMatchObject({ adapter: "law", nativeWindow: 65536, tokensAvailable: 65536, suggestion: yarn4 });
  expect(error.message).toContain("65536 fit (window of the adapter law 65536)");
  expect(settingsOf({ factor: 2 }, error.suggestion).extendedWindow).toBeGreaterThanOrEqual(65537);
  const longer = caught({ window: 50000 }, 50000);
  expect(longer.suggestion).toEqual({ extend: "yarn", factor: 2 });
  expect(settingsOf({ window: 50000 }, longer.suggestion).extendedWindow).toBe(100000);
  expect(caught({ factor: 4 }, 131072).option).toBeUndefined();
});

test("a session may narrow an adapter's window, and not widen it", () => {
  const outer = contextOf({ factor: 2 }, yarn4);
  expect(narrowContext(instruct, outer, { nativeWindow: 1000 }).settings).toMatchObject({
    nativeWindow: 1000,
    originalWindow: 32768,
    minimumFactor: 2,
  });
  expect(narrowContext(instruct, outer, { extend: "none" }).settings).toMatchObject({
    extendedWindow: 65536,
    maximumFactor: 2,
  });
  expect(narrowContext(instruct, narrowContext(instruct, outer, { factor: 2 }), {}).settings.maximumFactor).toBe(2);
  expect(() => narrowContext(instruct, outer, { factor: 8 })).toThrow(InvalidOptionError);
  expect(() => narrowContext(instruct, outer, { nativeWindow: 65537 })).toThrow(InvalidOptionError);
  const plain = contextOf({ window: 8192 }, yarn4);
  expect(narrowContext(instruct, plain, { nativeWindow: 100 }).settings).toMatchObject({
    nativeWindow: 100,
    extendedWindow: 400,
  });
  expect(() => narrowContext(instruct, plain, { nativeWindow: 8193 })).toThrow(InvalidOptionError);
});

test("with an adapter that says nothing, a session narrows the model's window as without one", () => {
  const scaling = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32768 };
  const dynamic = { rope_type: "dynamic", factor: 4 };
  for (const config of [
    instruct,
    { ...instruct, rope_scaling: scaling },
    { ...instruct, model_type: "llama", rope_scaling: dynamic },
  ]) {
    const settings = resolveContext(config, {});
    const narrowed = narrowContext(config, { options: {}, settings }, { nativeWindow: 16384 });
    expect(narrowContext(config, contextOf({}, {}, config), { nativeWindow: 16384 }).settings).toEqual(
      narrowed.settings,
    );
  }
});

test("on scaling that the base was trained with a window counts, and a factor is refused", () => {
  expect(settingsOf({ window: 65536 }, {}, llama)).toMatchObject({
    method: "trained",
    nativeWindow: 65536,
    extendedWindow: 65536,
  });
  expect(() => settingsOf({ factor: 2 }, {}, llama)).toThrow(
    /^adapter\.factor: the adapter law: .*llama3 scaling that the base was trained with/,
  );
  expect(() => settingsOf({ factor: 2 }, { extend: "ntk" })).toThrow(/cannot be put on ntk/);
});

test.each<[Omit<Tuning, "adapter">, ContextOptions, string[]]>([
  [{}, {}, []],
  [{ factor: 2 }, {}, []],
  [{ window: 65536, factor: 2 }, {}, []],
  [{ window: 48000, factor: 2 }, {}, []],
  [{ window: 32768 }, {}, []],
  [{ window: 131072, factor: 2 }, {}, ["adapter_window_beyond_factor"]],
  [{ window: 65536 }, yarn4, ["adapter_window_without_factor"]],
  [{ window: 8192 }, {}, ["adapter_window_shorter"]],
  [{ window: 8192, factor: 2 }, {}, ["adapter_window_shorter"]],
])("what %j says beside a base of 32768 tokens with %j is odd or not", (tuning, options, codes) => {
  const warnings = tuningWarnings(resolveContext(instruct, options), { adapter: "law", ...tuning });
  expect(warnings.map(({ code }) => code)).toEqual(codes);
  for (const { message } of warnings) expect(message).toMatch(/^the adapter law: .*\b\d+ tokens/);
});
