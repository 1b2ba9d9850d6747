import { expect, test } from "vitest";
import { inspectModel, servingSettings } from "../index.ts";
import { servingChinese } from "./inspect-serving-chinese.ts";
import { servingEngines } from "./inspect-serving-texts.ts";

const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32768 };
const config = {
  model_type: "qwen2",
  hidden_size: 64,
  intermediate_size: 64,
  num_hidden_layers: 1,
  num_attention_heads: 1,
  num_key_value_heads: 1,
  vocab_size: 100,
  rope_theta: 1e6,
  max_position_embeddings: 131072,
  eos_token_id: 3,
};

test("every note has a Chinese text that uses the numbers of the English one", async () => {
  const declared = { ...config, max_position_embeddings: 32768, rope_scaling: yarn };
  const cases: readonly [object, object, string, number][] = [
    [{}, {}, "https://models.example/m", 65536],
    [{}, {}, "a.gguf", 131072],
    [declared, {}, "m", 100],
    [{ ...declared, rope_scaling: { type: "linear", factor: 2 } }, {}, "m", 100],
    [declared, {}, "m", 65536],
    [{}, { model_max_length: 77 }, "m", 131072],
  ];
  const seen = new Set<string>();
  for (const [fields, tokenizer, name, context] of cases) {
    const files = { "config.json": { ...config, ...fields }, "tokenizer_config.json": tokenizer };
    const blobs = Object.entries(files).map(([file, content]) => [file, new Blob([JSON.stringify(content)])]);
    const inspection = { ...(await inspectModel(Object.fromEntries(blobs))), name };
    for (const origin of ["published", "checkpoint"] as const) {
      for (const engine of servingEngines) {
        const format = name.endsWith(".gguf") ? "gguf" : "checkpoint";
        for (const note of (await servingSettings({ ...inspection, origin, format }, { engine, context })).notes) {
          seen.add(note.code);
          const chinese = servingChinese.note(note);
          for (const number of note.message.match(/\d+(\.\d+)*/g) ?? []) expect(chinese).toContain(number);
          expect(chinese).toMatch(/[\u4e00-\u9fff]/);
        }
      }
    }
  }
  expect([...seen].sort()).toEqual([
    "cache_is_preallocated",
    "checkpoint_needed",
    "declared_scaling_is_off",
    "download_first",
    "length_check_is_off",
    "length_is_not_enforced",
    "no_scaling_needed",
    "no_scaling_parameter",
    "older_versions_differ",
    "scaling_is_static",
    "scaling_was_trained",
    "server_caps_length",
    "tokenizer_may_limit",
  ]);
});
