import { expect, test } from "vitest";
import { diagnoseContext } from "./diagnose.ts";
import type { ContextConfig } from "./settings.ts";
import { contextWarnings } from "./warnings.ts";

const qwen2 = { model_type: "qwen2", head_dim: 128, rope_theta: 1e6, max_position_embeddings: 32768 };
const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32768 };

test.each<[string, Partial<ContextConfig>]>([
  ["no block", {}],
  ["Qwen's own instructions", { rope_scaling: yarn }],
  ["the extended window beside it", { max_position_embeddings: 131072, rope_scaling: yarn }],
  ["Qwen3's 40960", { model_type: "qwen3", max_position_embeddings: 40960, rope_scaling: yarn }],
  ["the block of transformers 5", { rope_parameters: { ...yarn, rope_theta: 1e6 } }],
])("nothing is said about a configuration as it should be: %s", (_, fields) => {
  expect(diagnoseContext({ ...qwen2, ...fields })).toEqual([]);
});

test("a window that was multiplied already is named, with the option and the field that mend it", () => {
  const config = { ...qwen2, max_position_embeddings: 131072, rope_scaling: { type: "yarn", factor: 4 } };
  const [found] = diagnoseContext(config);
  expect(found).toMatchObject({ code: "yarn_without_original_window", level: "warning" });
  expect(found?.message).toContain("524288");
  expect(found?.fix).toContain("nativeWindow: 32768");
  expect(found?.fix).toContain('"original_max_position_embeddings": 32768 to rope_scaling');
  expect(diagnoseContext(config, { nativeWindow: 32768 })).toEqual([]);
  // The text that loadModel shows has the fix in it.
  expect(contextWarnings(config)[0]?.message).toContain("nativeWindow: 32768");
});

test("a window that Qwen publishes was not multiplied: no smaller one is suggested", () => {
  const [found] = diagnoseContext({ ...qwen2, rope_parameters: { rope_type: "yarn", factor: 4 } });
  expect(found).toMatchObject({ code: "yarn_without_original_window", level: "note" });
  expect(found?.fix).toContain('"original_max_position_embeddings": 32768 to rope_parameters');
  expect(found?.fix).not.toContain("8192");
});

test("a factor that does not lead from one window to the other: both corrections are given", () => {
  const [found] = diagnoseContext({ ...qwen2, max_position_embeddings: 65536, rope_scaling: yarn });
  expect(found).toMatchObject({ code: "yarn_factor_does_not_fit", level: "warning" });
  expect(found?.fix).toBe(
    'set "factor": 2 in rope_scaling if 65536 is right, or set "max_position_embeddings": 131072 if the factor is right',
  );
  const [smaller] = diagnoseContext({ ...qwen2, max_position_embeddings: 4096, rope_scaling: yarn });
  expect(smaller?.fix).toBe('set "max_position_embeddings": 131072 if the factor is right');
});

test.each<[string, Partial<ContextConfig>, RegExp]>([
  ["attn_factor_is_not_read", { rope_scaling: { ...yarn, attn_factor: 1.1 } }, /name it attention_factor/],
  ["type_and_rope_type_disagree", { rope_scaling: { ...yarn, type: "linear" } }, /remove type from rope_scaling/],
  ["rope_blocks_disagree", { rope_scaling: yarn, rope_parameters: { rope_type: "default" } }, /remove the one/],
  [
    "original_windows_disagree",
    { rope_scaling: yarn, original_max_position_embeddings: 16384, max_position_embeddings: 16384 },
    /remove original_max_position_embeddings/,
  ],
])("%s has a fix", (code, fields, fix) => {
  const found = diagnoseContext({ ...qwen2, ...fields });
  expect(found.map((diagnosis) => diagnosis.code)).toEqual([code]);
  expect(found[0]?.fix).toMatch(fix);
});

test("extend: none does not take away what a model was trained with", () => {
  const config = { ...qwen2, rope_scaling: { type: "linear", factor: 2 } };
  expect(diagnoseContext(config)).toEqual([]);
  expect(diagnoseContext(config, { extend: "none" })[0]).toMatchObject({ code: "trained_scaling_stays" });
});

test("yarn in place of the scaling that Llama 3.1 was trained with; a Llama that was trained with yarn is let be", () => {
  const block = { rope_type: "yarn", factor: 16, original_max_position_embeddings: 8192 };
  const llama31 = {
    model_type: "llama",
    head_dim: 128,
    rope_theta: 5e5,
    max_position_embeddings: 131072,
    rope_scaling: block,
  };
  const [found, ...others] = diagnoseContext(llama31);
  expect(others).toEqual([]);
  expect(found).toMatchObject({ code: "yarn_was_not_meant", level: "warning" });
  expect(found?.fix).toBe(
    "remove the yarn block and put back the llama3 one that the model was published with (rope_scaling)",
  );
  // Yarn-Llama-2-7b-128k and Llama 3.1 as they are published.
  const trained = { type: "yarn", factor: 32, original_max_position_embeddings: 4096, finetuned: true };
  expect(diagnoseContext({ ...llama31, rope_theta: 1e4, rope_scaling: trained })).toEqual([]);
  const own = {
    rope_type: "llama3",
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  };
  expect(diagnoseContext({ ...llama31, rope_scaling: own })).toEqual([]);
});
