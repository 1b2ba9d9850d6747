import { expect, test } from "vitest";
import { parseModelConfig } from "./config.ts";
import { parseGenerationConfig } from "./generation-config.ts";

function configWith(eos_token_id: number | readonly number[] | null) {
  return parseModelConfig({
    model_type: "qwen2",
    hidden_size: 64,
    intermediate_size: 160,
    num_hidden_layers: 1,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    vocab_size: 256,
    eos_token_id,
  });
}

const config = configWith(9);
const greedy = { temperature: 0, topK: 0, topP: 1, repetitionPenalty: 1, notFollowed: [] };

test("without a file: greedy, and the end token of config.json", () => {
  expect(parseGenerationConfig(undefined, config)).toEqual({ ...greedy, endTokens: [9] });
  expect(parseGenerationConfig({}, config)).toEqual({ ...greedy, endTokens: [9] });
  expect(parseGenerationConfig(undefined, configWith([3, 4, 3])).endTokens).toEqual([3, 4]);
  expect(parseGenerationConfig(undefined, configWith(null)).endTokens).toEqual([]);
});

test("the file's end tokens come before those of config.json", () => {
  expect(parseGenerationConfig({ eos_token_id: [7, 8, 7] }, config).endTokens).toEqual([7, 8]);
  expect(parseGenerationConfig({ eos_token_id: 0 }, config).endTokens).toEqual([0]);
  expect(parseGenerationConfig({ eos_token_id: null }, config).endTokens).toEqual([9]);
});

test("the defaults of a published Instruct model", () => {
  const json = {
    do_sample: true,
    temperature: 0.7,
    top_p: 0.8,
    top_k: 20,
    repetition_penalty: 1.05,
    eos_token_id: [5, 3],
  };
  expect(parseGenerationConfig(json, config)).toEqual({
    endTokens: [5, 3],
    temperature: 0.7,
    topK: 20,
    topP: 0.8,
    repetitionPenalty: 1.05,
    notFollowed: [],
  });
});

test("without do_sample the temperature has no effect, as in transformers; limits stay for who sets one", () => {
  const json = { temperature: 0.7, top_k: 20, top_p: 0.8 };
  for (const do_sample of [false, null, undefined]) {
    expect(parseGenerationConfig({ ...json, do_sample }, config)).toMatchObject({
      temperature: 0,
      topK: 20,
      topP: 0.8,
    });
  }
});

test("do_sample alone samples as transformers does: temperature 1, of the 50 most likely", () => {
  expect(parseGenerationConfig({ do_sample: true }, config)).toMatchObject({ temperature: 1, topK: 50, topP: 1 });
});

test("null and 0 switch limits off", () => {
  const off = { do_sample: true, temperature: null, top_k: null, top_p: null, min_p: null, repetition_penalty: null };
  expect(parseGenerationConfig(off, config)).toEqual({ ...greedy, temperature: 1, endTokens: [9] });
  expect(parseGenerationConfig({ do_sample: true, top_k: 0 }, config).topK).toBe(0);
  expect(parseGenerationConfig({ min_p: 0.05 }, config).minP).toBe(0.05);
});

test.each<[string, unknown]>([
  ["do_sample", "true"],
  ["temperature", -1],
  ["temperature", Number.NaN],
  ["temperature", "0.7"],
  ["temperature", Infinity],
  ["top_k", -1],
  ["top_k", 2.5],
  ["top_p", 1.5],
  ["top_p", -0.1],
  ["top_p", [0.8]],
  ["min_p", 2],
  ["repetition_penalty", 0],
  ["repetition_penalty", -1],
  ["eos_token_id", 256],
  ["eos_token_id", -1],
  ["eos_token_id", [1, "2"]],
  ["eos_token_id", {}],
])("%s: %j is an error that names the field", (name, value) => {
  expect(() => parseGenerationConfig({ [name]: value }, config)).toThrow(
    expect.objectContaining({ code: "invalid_config", field: `generation_config.${name}` }),
  );
});

test("what is no object is an error that names the file", () => {
  for (const json of [null, [], "x"]) {
    expect(() => parseGenerationConfig(json, config)).toThrow(
      expect.objectContaining({ field: "generation_config.json" }),
    );
  }
});

test("fields in effect that are not followed are listed, so that nothing is dropped silently", () => {
  const json = {
    num_beams: 4,
    typical_p: 0.9,
    stop_strings: ["END"],
    bad_words_ids: [],
    no_repeat_ngram_size: 0,
    guidance_scale: null,
  };
  expect(parseGenerationConfig(json, config).notFollowed).toEqual(["num_beams", "typical_p", "stop_strings"]);
});
