import fc from "fast-check";
import { expect, test } from "vitest";
import { ContextLengthError } from "./context-length-error.ts";
import type { ContextOptions } from "./options.ts";
import { factorFor, plan } from "./plan.ts";
import { type ContextConfig, type ContextSettings, resolveContext, windowAt } from "./settings.ts";

const config: ContextConfig = { model_type: "qwen2", head_dim: 32, rope_theta: 1e4, max_position_embeddings: 256 };
const settings = (options: ContextOptions = {}): ContextSettings => resolveContext(config, options);
const caught = (work: () => unknown): ContextLengthError => {
  try {
    work();
  } catch (error) {
    if (error instanceof ContextLengthError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
};

test("the factor is the least step that the length needs", () => {
  const dynamic = settings({ extend: "yarn", factor: 4 });
  expect([1, 256, 257, 512, 513, 1024].map((tokens) => factorFor(dynamic, tokens))).toEqual([1, 1, 2, 2, 4, 4]);
  const continuous = settings({ extend: "yarn", factor: 4, steps: "continuous" });
  expect([256, 257, 384, 1024].map((tokens) => factorFor(continuous, tokens))).toEqual([1, 257 / 256, 1.5, 4]);
  const fixed = settings({ extend: "yarn", factor: 4, schedule: "static" });
  expect([1, 256, 1024].map((tokens) => factorFor(fixed, tokens))).toEqual([4, 4, 4]);
});

test("Qwen3: 40960 tokens are native, and beyond them the factor refers to 32768", () => {
  const qwen3 = resolveContext(
    { model_type: "qwen3", head_dim: 128, max_position_embeddings: 40960 },
    { extend: "yarn", factor: 4 },
  );
  expect([40960, 40961, 65536, 65537, 131072].map((tokens) => factorFor(qwen3, tokens))).toEqual([1, 2, 2, 4, 4]);
});

test("the token past the native window is refused, and the message says how to enable more", () => {
  const error = caught(() => plan(settings(), { tokens: 250, maxTokens: 7 }));
  expect(error).toMatchObject({
    code: "context_length_exceeded",
    tokensNeeded: 257,
    tokensAvailable: 256,
    nativeWindow: 256,
    extendedWindow: 256,
    option: 'context: { extend: "yarn", factor: 2 }',
    suggestion: { extend: "yarn", factor: 2 },
  });
  expect(error.message).toContain("257 tokens are needed and 256 fit");
  expect(error.message).toContain('context: { extend: "yarn", factor: 2 }');
  expect(plan(settings(), { tokens: 250, maxTokens: 6 })).toEqual({ factor: 1, maxTokens: 6, limit: "maxTokens" });
});

test("past the extended window nothing is suggested that would not help", () => {
  const extended = settings({ extend: "yarn", factor: 2 });
  expect(caught(() => plan(extended, { tokens: 600, maxTokens: 1 })).suggestion).toEqual({ extend: "yarn", factor: 4 });
  expect(caught(() => plan(extended, { tokens: 1025, maxTokens: 1 })).option).toBeUndefined();
  expect(caught(() => plan(settings({ extend: "yarn" }), { tokens: 1024, maxTokens: 1 })).option).toBeUndefined();
});

test("what is suggested can be followed as it stands, also where a native window was given", () => {
  const multiplied = { ...config, max_position_embeddings: 1024 };
  const block = { rope_scaling: { rope_type: "yarn", factor: 1.5 } }; // without its original window
  for (const [read, options] of [
    [multiplied, { nativeWindow: 256 }],
    [{ ...multiplied, ...block }, { nativeWindow: 256 }],
    [multiplied, { nativeWindow: 256, extend: "linear", factor: 2 }],
  ] as const) {
    const error = caught(() => plan(resolveContext(read, options), { tokens: 600, maxTokens: 1 }));
    const extend = "extend" in options ? options.extend : "yarn";
    expect(error.suggestion).toEqual({ extend, factor: 4, nativeWindow: 256 });
    expect(error.option).toBe(`context: { extend: "${extend}", factor: 4, nativeWindow: 256 }`);
    const again = resolveContext(read, error.suggestion);
    expect(again).toMatchObject({ nativeWindow: 256, originalWindow: 256, extendedWindow: 1024 });
    expect(plan(again, { tokens: 600, maxTokens: 1 }).factor).toBe(4);
  }
});

test("a factor that the model was trained with is not to be exceeded, and no other is suggested", () => {
  for (const block of [{ rope_type: "linear" }, { rope_type: "yarn", attention_factor: 1.1 }]) {
    const trained = { ...config, rope_scaling: { ...block, factor: 2 } };
    const dynamic = resolveContext(trained, { schedule: "dynamic" });
    expect(caught(() => plan(dynamic, { tokens: 600, maxTokens: 1 })).suggestion).toBeUndefined();
  }
});

test("only allowBeyondWindow lets more through, at the largest factor", () => {
  const beyond = settings({ extend: "yarn", factor: 2, allowBeyondWindow: true });
  expect(plan(beyond, { tokens: 5000, maxTokens: 1 }).factor).toBe(2);
  expect(plan(settings({ allowBeyondWindow: true }), { tokens: 5000, maxTokens: 1 }).factor).toBe(1);
});

test("an open-ended request never raises the factor by itself", () => {
  const dynamic = settings({ extend: "yarn", factor: 4 });
  expect(plan(dynamic, { tokens: 100 })).toEqual({ factor: 1, maxTokens: 156, limit: "window" });
  expect(plan(dynamic, { tokens: 300 })).toEqual({ factor: 2, maxTokens: 212, limit: "window" });
  const full = caught(() => plan(dynamic, { tokens: 256 }));
  expect(full).toMatchObject({ tokensNeeded: 257, tokensAvailable: 256, option: "maxTokens" });
  expect(plan(dynamic, { tokens: 256, maxTokens: 1 }).factor).toBe(2);
});

test("a factor does not shrink while tokens stay, except where a request may not have it", () => {
  const dynamic = settings({ extend: "yarn", factor: 4 });
  expect(plan(dynamic, { tokens: 10, maxTokens: 1, currentFactor: 2 }).factor).toBe(2);
  expect(plan(settings(), { tokens: 10, maxTokens: 1, currentFactor: 2 }).factor).toBe(1);
});

test("whatever is planned fits the window of its factor, and no smaller step would do", () => {
  const options = fc.record({
    factor: fc.double({ min: 1, max: 8, noNaN: true }),
    steps: fc.oneof(
      fc.constant("continuous" as const),
      fc.array(fc.double({ min: 1, max: 8, noNaN: true }), { minLength: 1, maxLength: 4 }),
    ),
  });
  fc.assert(
    fc.property(options, fc.integer({ min: 1, max: 2048 }), ({ factor, steps }, tokens) => {
      const chosen = settings({ extend: "yarn", factor, steps });
      if (tokens > chosen.extendedWindow) {
        expect(() => factorFor(chosen, tokens)).toThrow(ContextLengthError);
        return;
      }
      const found = factorFor(chosen, tokens);
      expect(found).toBeLessThanOrEqual(factor);
      expect(windowAt(chosen, found)).toBeGreaterThanOrEqual(tokens);
      if (tokens <= 256) expect(found).toBe(1);
      if (steps !== "continuous") {
        const smaller = (chosen.steps as number[]).filter((step) => step < found);
        for (const step of smaller) expect(windowAt(chosen, step)).toBeLessThan(tokens);
      }
    }),
  );
});
