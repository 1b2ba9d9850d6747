import { expect, test } from "vitest";
import { openBlobs } from "../src/checkpoint/blobs.ts";
import { encodeNumbers, type WrittenType } from "../src/checkpoint/gguf/encode-numbers.ts";
import { ggufName } from "../src/checkpoint/gguf/tensor-names.ts";
import { llama3Factors } from "../src/checkpoint/gguf/test-rope-factors.ts";
import type { TypedValue, WrittenTensor } from "../src/checkpoint/gguf/write-header.ts";
import { openTensors } from "../src/checkpoint/tensors.ts";
import { type LoadOptions, loadModel, type ModelSource } from "../src/index.ts";
import { ggufOf } from "./gguf-models.ts";
import { llamaMetadata } from "./llama-gguf.ts";
import { randomModel } from "./quantised-models.ts";
import { someTokens } from "./tiny.ts";

const sizes = { hidden: 64, intermediate: 96, layers: 2, heads: 4, keyHeads: 2 };
const headDim = sizes.hidden / sizes.heads;
const config = {
  model_type: "llama",
  vocab_size: 1024,
  hidden_size: sizes.hidden,
  intermediate_size: sizes.intermediate,
  num_hidden_layers: sizes.layers,
  num_attention_heads: sizes.heads,
  num_key_value_heads: sizes.keyHeads,
  max_position_embeddings: 131072,
  rope_theta: 5e5,
  rms_norm_eps: 1e-5,
  rope_scaling: {
    rope_type: "llama3",
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  },
};

/** As llama.cpp's converter writes it: the rows of queries and keys permuted, llama3 scaling as factors. */
async function convert(
  json: object,
  type: WrittenType,
  changes: Readonly<Record<string, TypedValue | undefined>> = {},
  vocabulary: "llama" | "gpt2" = "llama",
) {
  const files = randomModel(json, 4);
  const index = await openTensors(openBlobs(files));
  const tensors = index.names.map((source) => {
    const { shape } = index.entry(source)!;
    return { source, name: ggufName(source)!, shape, type: shape.length === 1 ? ("F32" as const) : type };
  });
  const factors = { source: "", name: "rope_freqs.weight", shape: [headDim / 2], type: "F32" as const };
  const bytes = await ggufOf<WrittenTensor & { source: string; type: WrittenType }>(
    await llamaMetadata(sizes, vocabulary, changes),
    [...tensors, factors],
    async (tensor) => {
      if (tensor.source === "") return new Uint8Array(llama3Factors(headDim).buffer);
      const numbers = await index.readFloat32(tensor.source);
      const [, projection] = /self_attn\.([qk])_proj/.exec(tensor.source) ?? [];
      const rows = projection ? permuted(numbers, projection === "q" ? sizes.heads : sizes.keyHeads) : numbers;
      return encodeNumbers(rows, tensor.type);
    },
  );
  return { files, gguf: { "model.gguf": new Blob([bytes]) } };
}

/** [heads, 2, headDim / 2, columns] to [heads, headDim / 2, 2, columns]. */
function permuted(numbers: Float32Array, heads: number): Float32Array<ArrayBuffer> {
  const half = headDim / 2;
  const columns = numbers.length / heads / headDim;
  return Float32Array.from(numbers, (_, at) => {
    const [row, column] = [Math.floor(at / columns), at % columns];
    const [head, inHead] = [Math.floor(row / headDim), row % headDim];
    const source = head * headDim + (inHead % 2) * half + Math.floor(inHead / 2);
    return numbers[source * columns + column]!;
  });
}

async function logitsOf(source: ModelSource, options: LoadOptions = {}): Promise<Float32Array> {
  await using model = await loadModel(source, { onWarning: () => {}, ...options });
  await using session = await model.createSession();
  return (await session.append(someTokens(150), { logits: "all" })).logits!;
}

test.for([
  ["F32", { weights: "f32" }],
  ["F16", { weights: "f16" }],
  ["Q8_0", { weights: "q8" }],
  ["Q4_0", { weights: "q4", embeddings: "q4" }],
] as const)("%s: a Llama's file computes the same bits as its checkpoint", async ([type, options]) => {
  const { files, gguf } = await convert(config, type);
  expect(await logitsOf(gguf)).toEqual(await logitsOf(files, options));
  expect(await logitsOf(gguf, { cache: "q8" })).toEqual(await logitsOf(files, { ...options, cache: "q8" }));
});

test("biases are put back too", async () => {
  const { files, gguf } = await convert({ ...config, attention_bias: true, mlp_bias: true }, "F32");
  expect(await logitsOf(gguf)).toEqual(await logitsOf(files));
});

test("the configuration is that of the checkpoint; a window of sliding attention makes a Mistral of it", async () => {
  const { files, gguf } = await convert(config, "F32");
  await using model = await loadModel(gguf);
  await using original = await loadModel(files);
  expect(model.config).toEqual(original.config);
  expect(model.context).toEqual(original.context);
  const window = { "llama.attention.sliding_window": { type: "uint32", value: 40 } } as const;
  const mistral = await convert(config, "F32", window);
  await using sliding = await loadModel(mistral.gguf);
  expect(sliding.config).toMatchObject({ model_type: "mistral", sliding_window: 40 });
});

// Expected ids: llama.cpp (node-llama-cpp 3.21), which `npm run verify:gguf --prefix bench/peers` asks again.
const tokenised: readonly (readonly [string, number[]])[] = [
  ["In the beginning God", [406, 343, 362, 914, 368, 343, 394, 498]],
  ["中文 神は😀", [265, 231, 187, 176, 233, 153, 138, 265, 234, 168, 161, 230, 132, 178, 243, 162, 155, 131]],
  ["x = [1, 2];\n\treturn", [265, 353, 265, 294, 265, 324, 267, 287, 265, 268, 326, 292, 13, 12, 373, 349, 586]],
  ["     five", [261, 259, 335, 561]],
  [`${" ".repeat(21)}a${"a".repeat(9)}`, [264, 261, 259, ...Array<number>(10).fill(330)]],
  ["<s>a</s> [INST] b<unk><tool>c", [1, 363, 2, 259, 1022, 259, 331, 0, 1023, 383]],
  ["<0x41>\u2581", [265, 293, 266, 353, 270, 267, 295, 265]],
  ["", []],
  [" ", [259]],
];

test("SentencePiece's vocabulary gives llama.cpp's tokens, and the text comes back", async () => {
  await using model = await loadModel((await convert(config, "F16")).gguf);
  for (const [text, ids] of tokenised) {
    const tokens = await model.tokenize(text);
    expect([...tokens], text).toEqual([1, ...ids]);
    // Behind a control token stands a space that encoding put there.
    if (text.includes("[INST]")) continue;
    expect(await model.detokenize(tokens, { skipSpecialTokens: true })).toBe(text.replaceAll("\u2581", " "));
  }
});

test("whether texts begin and end with tokens, and with a space, is the file's to say", async () => {
  const begins = async (changes: Readonly<Record<string, TypedValue | undefined>>, vocabulary: "llama" | "gpt2") => {
    await using model = await loadModel((await convert(config, "F16", changes, vocabulary)).gguf);
    return [...(await model.tokenize("five"))];
  };
  const flag = (value: boolean): TypedValue => ({ type: "bool", value });
  const unsaid = { "tokenizer.ggml.add_bos_token": undefined, "tokenizer.ggml.bos_token_id": undefined };
  const plain = await begins({ "tokenizer.ggml.add_bos_token": flag(false) }, "llama");
  expect(await begins(unsaid, "llama")).toEqual([1, ...plain]);
  expect(await begins({ "tokenizer.ggml.add_eos_token": flag(true) }, "llama")).toEqual([1, ...plain, 2]);
  const spaceless = await begins({ "tokenizer.ggml.add_space_prefix": flag(false) }, "llama");
  expect(spaceless.slice(1)).not.toEqual(plain);
  const bytes = await begins({ "tokenizer.ggml.add_bos_token": flag(false) }, "gpt2");
  expect(await begins({ "tokenizer.ggml.add_bos_token": undefined }, "gpt2")).toEqual([1023, ...bytes]);
  await expect(begins(unsaid, "gpt2")).rejects.toThrow(/bos_token_id: is missing/);
});

test.for<readonly [string, Readonly<Record<string, TypedValue | undefined>>, RegExp]>([
  ["experts", { "llama.expert_count": { type: "uint32", value: 8 } }, /num_local_experts 8 .*mixtures of experts/],
  ["part of a head", { "llama.rope.dimension_count": { type: "uint32", value: 8 } }, /partial_rotary_factor 0.5/],
  [
    "two scalings",
    {
      "llama.rope.scaling.type": { type: "string", value: "linear" },
      "llama.rope.scaling.factor": { type: "float32", value: 2 },
    },
    /rope_freqs.weight beside llama.rope.scaling/,
  ],
  ["no scores", { "tokenizer.ggml.scores": undefined }, /tokenizer.ggml.scores: is missing/],
  ["another tokenizer", { "tokenizer.ggml.model": { type: "string", value: "t5" } }, /"t5" is not supported/],
  ["a mixture", { "general.architecture": { type: "string", value: "qwen3moe" } }, /qwen3moe/],
])("what Skein does not have is named: %s", async ([, changes, message]) => {
  await expect(convert(config, "F16", changes).then(({ gguf }) => loadModel(gguf))).rejects.toThrow(message);
});
