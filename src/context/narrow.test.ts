import { expect, test } from "vitest";
import { narrowContext } from "./narrow.ts";
import type { ContextOptions } from "./options.ts";
import { type ContextConfig, resolveContext } from "./settings.ts";

const config: ContextConfig = { model_type: "qwen2", head_dim: 32, max_position_embeddings: 256 };
const narrow = (outer: ContextOptions, inner: ContextOptions | undefined) =>
  narrowContext(config, { options: outer, settings: resolveContext(config, outer) }, inner).settings;

test("a request may narrow what the model was loaded with", () => {
  const loaded: ContextOptions = { extend: "yarn", factor: 4, allowBeyondWindow: true };
  expect(narrow(loaded, undefined)).toMatchObject({ maximumFactor: 4, method: "yarn" });
  expect(narrow(loaded, { extend: "none" })).toMatchObject({
    extendedWindow: 256,
    method: "none",
    allowBeyondWindow: true,
  });
  expect(narrow(loaded, { factor: 2 })).toMatchObject({ extendedWindow: 512 });
  expect(narrow(loaded, { schedule: "static", growth: "rerotate" })).toMatchObject({
    schedule: "static",
    growth: "rerotate",
    maximumFactor: 4,
  });
  expect(narrow(loaded, { nativeWindow: 128 })).toMatchObject({ nativeWindow: 128, extendedWindow: 512 });
  expect(narrow(loaded, { nativeWindow: 128 }).givenWindow).toBeUndefined(); // what is suggested is for the model
  expect(narrow(loaded, { allowBeyondWindow: false }).allowBeyondWindow).toBe(false);
});

test("a native window that is lowered does not raise the one that Qwen3's factors refer to", () => {
  const qwen3: ContextConfig = { model_type: "qwen3", head_dim: 128, max_position_embeddings: 40960 };
  const options: ContextOptions = { extend: "yarn", factor: 4 };
  const outer = { options, settings: resolveContext(qwen3, options) };
  const session = narrowContext(qwen3, outer, { nativeWindow: 40959 });
  const lower = { nativeWindow: 40959, originalWindow: 32768, extendedWindow: 131072 };
  expect(session.settings).toMatchObject(lower);
  expect(narrowContext(qwen3, session, {}).settings).toMatchObject(lower);
  expect(narrowContext(qwen3, session, { factor: 2 }).settings).toMatchObject({ ...lower, extendedWindow: 65536 });
  expect(narrowContext(qwen3, session, { extend: "none" }).settings).toMatchObject({ extendedWindow: 40959 });
  expect(narrowContext(qwen3, session, { nativeWindow: 1024 }).settings).toMatchObject({ extendedWindow: 4096 });
});

test("what a model was trained with does not come back where only the native window was given", () => {
  const block = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 256, attention_factor: 1.1 };
  for (const [trained, words] of [
    [{ ...config, rope_scaling: block }, ["declared", "yarn"]],
    [{ ...config, rope_scaling: { rope_type: "dynamic", factor: 4 } }, ["declared"]],
  ] as const) {
    const outer = { options: { extend: "none" }, settings: resolveContext(trained, { extend: "none" }) } as const;
    expect(narrowContext(trained, outer, { extend: "none" }).settings.extendedWindow).toBe(256);
    for (const extend of words)
      expect(() => narrowContext(trained, outer, { extend })).toThrow("context.extend: 1024 is wider than the 256");
  }
});

test.each([
  [{}, { extend: "yarn" }, "context.extend"],
  [{ extend: "yarn", factor: 2 }, { factor: 4 }, "context.factor"],
  [{ extend: "yarn" }, { extend: "linear" }, "context.extend"],
  [{ extend: "yarn" }, { nativeWindow: 512 }, "context.nativeWindow"],
  [{ extend: "yarn" }, { allowBeyondWindow: true }, "context.allowBeyondWindow"],
] as [ContextOptions, ContextOptions, string][])("it may not widen it: %j, %j", (outer, inner, option) => {
  expect(() => narrow(outer, inner)).toThrow(expect.objectContaining({ option }));
});
