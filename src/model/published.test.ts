import { expect, test } from "vitest";
import { expectedTensors, parseModelConfig } from "./config.ts";
import { parseGenerationConfig } from "./generation-config.ts";
import { findPublishedConfig, isPublished, publishedConfigs } from "./published.ts";

test("four sizes, base and Instruct, by their names in any case", () => {
  expect([...publishedConfigs.keys()]).toEqual(
    ["0.5B", "1.5B", "7B", "72B"].flatMap((size) => [`Qwen/Qwen2-${size}`, `Qwen/Qwen2-${size}-Instruct`]),
  );
  expect(findPublishedConfig("qwen/qwen2-7b-instruct")?.name).toBe("Qwen/Qwen2-7B-Instruct");
  expect(findPublishedConfig("Qwen/Qwen2-7B")?.name).toBe("Qwen/Qwen2-7B");
  for (const name of [
    "Qwen2-7B",
    "Qwen/Qwen2-9B",
    "",
    "__proto__",
    "constructor",
    "Qwen/Qwen2-0-5B",
    "Qwen/Qwen2-7B-Instruct-GPTQ",
  ]) {
    expect([findPublishedConfig(name), isPublished(name)]).toEqual([undefined, false]);
  }
  for (const name of publishedConfigs.keys())
    expect([isPublished(name), isPublished(name.toLowerCase())]).toEqual([true, true]);
});

function parse(name: string) {
  const published = findPublishedConfig(name)!;
  const config = parseModelConfig(published.config);
  return { config, generation: parseGenerationConfig(published.generationConfig, config) };
}

// The number of parameters checks all sizes at once: these are the totals of the weights as they are published.
test.each<[string, number]>([
  ["Qwen/Qwen2-0.5B", 494_032_768],
  ["Qwen/Qwen2-1.5B", 1_543_714_304],
  ["Qwen/Qwen2-7B", 7_615_616_512],
  ["Qwen/Qwen2-72B", 72_706_203_648],
])("%s and its Instruct model have %i parameters", (name, parameters) => {
  for (const variant of [name, `${name}-Instruct`]) {
    const shapes = [...expectedTensors(parse(variant).config).values()];
    expect(shapes.reduce((total, shape) => total + shape.reduce((size, next) => size * next, 1), 0)).toBe(parameters);
  }
});

test("Qwen2-7B and Qwen2-7B-Instruct, the two that everything is measured by", () => {
  const shared = {
    model_type: "qwen2",
    hidden_size: 3584,
    num_hidden_layers: 28,
    num_attention_heads: 28,
    num_key_value_heads: 4,
    head_dim: 128,
    intermediate_size: 18944,
    vocab_size: 152064,
    tie_word_embeddings: false,
    rope_theta: 1e6,
    rms_norm_eps: 1e-6,
    sliding_window: null,
    dtype: "bfloat16",
  };
  const base = parse("Qwen/Qwen2-7B");
  expect(base.config).toMatchObject({ ...shared, max_position_embeddings: 131072, eos_token_id: 151643 });
  expect(base.generation).toMatchObject({ endTokens: [151643], temperature: 0, repetitionPenalty: 1 });
  const instruct = parse("Qwen/Qwen2-7B-Instruct");
  expect(instruct.config).toMatchObject({ ...shared, max_position_embeddings: 32768, eos_token_id: 151645 });
  expect(instruct.generation).toEqual({
    endTokens: [151645, 151643],
    temperature: 0.7,
    topK: 20,
    topP: 0.8,
    repetitionPenalty: 1.05,
    notFollowed: [],
  });
});

test("what differs between sizes beside their shapes", () => {
  expect(parse("Qwen/Qwen2-72B").config.rms_norm_eps).toBe(1e-5);
  expect(parse("Qwen/Qwen2-72B-Instruct").config.rms_norm_eps).toBe(1e-6);
  for (const size of ["0.5B", "1.5B"]) {
    expect(parse(`Qwen/Qwen2-${size}-Instruct`).generation.repetitionPenalty).toBe(1.1);
    expect(parse(`Qwen/Qwen2-${size}-Instruct`).config.tie_word_embeddings).toBe(true);
  }
});
