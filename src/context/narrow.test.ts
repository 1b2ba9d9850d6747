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

test.each([
  [{}, { extend: "yarn" }, "context.extend"],
  [{ extend: "yarn", factor: 2 }, { factor: 4 }, "context.factor"],
  [{ extend: "yarn" }, { extend: "linear" }, "context.extend"],
  [{ extend: "yarn" }, { nativeWindow: 512 }, "context.nativeWindow"],
  [{ extend: "yarn" }, { allowBeyondWindow: true }, "context.allowBeyondWindow"],
] as [ContextOptions, ContextOptions, string][])("it may not widen it: %j, %j", (outer, inner, option) => {
  expect(() => narrow(outer, inner)).toThrow(expect.objectContaining({ option }));
});
