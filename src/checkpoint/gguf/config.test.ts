import { expect, test } from "vitest";
import { configOfGguf, generationConfigOfGguf } from "./config.ts";
import type { GgufHeader, GgufValue } from "./header.ts";

/** A Llama's header. @param changes - of the metadata */
function headerOf(changes: Readonly<Record<string, GgufValue>>): GgufHeader {
  const metadata = new Map<string, GgufValue>(
    Object.entries({
      "general.architecture": "llama",
      "llama.context_length": 16384,
      "llama.embedding_length": 64,
      "llama.feed_forward_length": 96,
      "llama.block_count": 2,
      "llama.attention.head_count": 4,
      "llama.attention.layer_norm_rms_epsilon": Math.fround(1e-5),
      ...changes,
    }),
  );
  const embedding = { name: "token_embd.weight", type: "F32", shape: [96, 64], file: "model.gguf", start: 0, end: 0 };
  return { metadata, tensors: [embedding] };
}

/** @param keys - of `llama.rope.` */
function scalingOf(keys: Readonly<Record<string, GgufValue>>): unknown {
  const changes = Object.entries(keys).map(([key, value]) => [`llama.rope.${key}`, value]);
  return configOfGguf(headerOf(Object.fromEntries(changes))).rope_scaling;
}

test.for<readonly [Readonly<Record<string, GgufValue>>, object | undefined]>([
  [{ scale_linear: 4 }, { rope_type: "linear", factor: 4 }],
  [{ scale_linear: 1 }, undefined],
  [{ scale_linear: 0 }, undefined],
  [
    { scale_linear: 4, "scaling.type": "linear" },
    { rope_type: "linear", factor: 4 },
  ],
  [
    { scale_linear: 4, "scaling.type": "linear", "scaling.factor": 2 },
    { rope_type: "linear", factor: 2 },
  ],
  [{ scale_linear: 4, "scaling.factor": 1 }, undefined],
  [{ scale_linear: 4, "scaling.type": "none" }, undefined],
])("the key of 2023 for linear scaling is followed where the newer ones are silent: %o", ([keys, scaling]) => {
  expect(scalingOf(keys)).toEqual(scaling);
});

test("linear scaling under its older key beside factors of the frequencies is refused, too", () => {
  const twice = headerOf({ "llama.rope.scale_linear": 4 });
  expect(() => configOfGguf(twice, new Float32Array(8).fill(1))).toThrow(/rope_freqs.weight beside llama.rope.scal/);
});

test("an attention scaling that the converter copied is followed as it is, unless llama.cpp's own key says another", () => {
  const yarn = { "scaling.type": "yarn", "scaling.factor": 2, "scaling.original_context_length": 8192 };
  const plain = { rope_type: "yarn", factor: 2, original_max_position_embeddings: 8192 };
  const copied = (factor: number) => ({ ...yarn, "scaling.yarn_attn_factor": Math.fround(factor) });
  expect(scalingOf(copied(1.0693147))).toEqual({ ...plain, attention_factor: 1.0693147 });
  expect(scalingOf(copied(1))).toEqual(plain);
  const usual = 0.1 * Math.log(2) + 1;
  expect(scalingOf({ ...copied(1.5), "scaling.attn_factor": 1 })).toEqual({ ...plain, attention_factor: usual });
});

test("a message of Llama 3.1 that calls a tool ends an answer, too", () => {
  const header = headerOf({ "tokenizer.ggml.eos_token_id": 9 });
  const control = new Map([
    ["<|end_of_text|>", 1],
    ["<|start_header_id|>", 6],
    ["<|eom_id|>", 8],
    ["<|eot_id|>", 9],
  ]);
  expect(generationConfigOfGguf(header, control)).toEqual({ eos_token_id: [9, 1, 8] });
});
