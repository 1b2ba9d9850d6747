import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeNumbers } from "../src/checkpoint/gguf/encode-numbers.ts";
import { llama3Factors } from "../src/checkpoint/gguf/test-rope-factors.ts";
import { tokenizerOfGguf } from "../src/checkpoint/gguf/tokenizer.ts";
import type { TypedValue, WrittenTensor } from "../src/checkpoint/gguf/write-header.ts";
import type { ModelFiles } from "../src/index.ts";
import { createRandom } from "../src/sampling/random.ts";
import { tokenBytes } from "../src/text/byte-alphabet.ts";
import { ggufOf, tinyMetadata } from "./gguf-models.ts";
import { randomModel } from "./quantised-models.ts";
import { randomBlocks } from "./random-gguf.ts";
import { tiny } from "./tiny.ts";

/** The sizes of a random Llama; its vocabulary has 1024 tokens. */
export interface LlamaSizes {
  readonly hidden: number;
  readonly intermediate: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyHeads: number;
}

/**
 * The metadata of a Llama's GGUF file.
 *
 * @param vocabulary - by llama.cpp's names: `llama` SentencePiece's, `gpt2` bytes
 */
export async function llamaMetadata(
  { hidden, intermediate, layers, heads, keyHeads }: LlamaSizes,
  vocabulary: "llama" | "gpt2",
  changes: Readonly<Record<string, TypedValue | undefined>> = {},
): Promise<Record<string, TypedValue>> {
  const metadata: Record<string, TypedValue | undefined> = {
    ...(vocabulary === "llama" ? await sentencePieceMetadata() : await byteMetadata()),
    "general.architecture": { type: "string", value: "llama" },
    "llama.block_count": uint32(layers),
    "llama.context_length": uint32(131072),
    "llama.embedding_length": uint32(hidden),
    "llama.feed_forward_length": uint32(intermediate),
    "llama.attention.head_count": uint32(heads),
    "llama.attention.head_count_kv": uint32(keyHeads),
    "llama.attention.layer_norm_rms_epsilon": { type: "float32", value: 1e-5 },
    "llama.rope.dimension_count": uint32(hidden / heads),
    "llama.rope.freq_base": { type: "float32", value: 5e5 },
    ...changes,
  };
  return Object.fromEntries(Object.entries(metadata).flatMap(([key, value]) => (value ? [[key, value]] : [])));
}

/**
 * A random Llama's checkpoint, with one of the vocabularies of {@link llamaMetadata} in Hugging Face's form.
 *
 * @param changes - of `config.json`
 */
export async function llamaCheckpoint(changes: object, vocabulary: "llama" | "gpt2"): Promise<ModelFiles> {
  const sizes: LlamaSizes = { hidden: 64, intermediate: 96, layers: 2, heads: 4, keyHeads: 2 };
  const metadata = Object.entries(await llamaMetadata(sizes, vocabulary)).map(
    ([key, { value }]) => [key, value] as const,
  );
  const { tokenizer, config } = tokenizerOfGguf(new Map(metadata));
  // What Hugging Face's files do not have, and what they do.
  const { equal_ranks: _, ...model } = tokenizer.model as Readonly<Record<string, unknown>>;
  const json = (value: object): Blob => new Blob([JSON.stringify(value)]);
  return {
    ...randomModel(
      {
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
        bos_token_id: vocabulary === "llama" ? 1 : 1023,
        eos_token_id: vocabulary === "llama" ? 2 : 1023,
        ...changes,
      },
      4,
    ),
    "tokenizer.json": json({ ...tokenizer, model: { ...model, unk_token: vocabulary === "llama" ? "<unk>" : null } }),
    "tokenizer_config.json": json({ ...config, chat_template: "{{ bos_token }}{{ messages[0].content }}" }),
  };
}

/** llama3 scaling as Llama 3.1 declares it. */
export const llama3Scaling = {
  rope_scaling: {
    rope_type: "llama3",
    factor: 8,
    low_freq_factor: 1,
    high_freq_factor: 4,
    original_max_position_embeddings: 8192,
  },
} as const;

/** The embedded model's vocabulary, as if it were Llama 3's. */
async function byteMetadata(): Promise<Record<string, TypedValue>> {
  const own = Object.entries(await tinyMetadata()).filter(([key]) => key.startsWith("tokenizer."));
  return {
    ...Object.fromEntries(own),
    "tokenizer.ggml.pre": string("llama-bpe"),
    "tokenizer.ggml.bos_token_id": uint32(1023),
    "tokenizer.ggml.add_bos_token": { type: "bool", value: true },
  };
}

/** What SentencePiece would write for the same words, with runs of spaces, some characters of other scripts, and bytes. */
async function sentencePieceMetadata(): Promise<Record<string, TypedValue>> {
  const { model } = JSON.parse(await readFile(join(tiny, "tokenizer.json"), "utf8"));
  const decoder = new TextDecoder();
  const words = Object.keys(model.vocab)
    .map((token) => decoder.decode(tokenBytes(token)).replaceAll(" ", "▁"))
    .filter((word) => !word.includes("\ufffd") && !/\p{Cc}|\u00a0/u.test(word));
  const runs = [2, 3, 4, 5, 8, 16].map((count) => "▁".repeat(count));
  const pieces = [...new Set([...runs, "▁", ...words, ..."中文和日本語光神aA{}[]();=+<>/|.\"'0123456789"])];
  const control = ["<unk>", "<s>", "</s>"];
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const last = ["[INST]", "<tool>"];
  const room = 1024 - control.length - bytes.length - last.length;
  const kept = pieces.slice(0, room);
  const filler = Array.from({ length: room - kept.length }, (_, i) => `<filler ${i}>`);
  const tokens = [...control, ...bytes, ...kept, ...filler, ...last];
  const typeOf = (token: string, id: number): number => {
    if (id === 0) return 2;
    if (control.includes(token) || token === "[INST]") return 3;
    if (token === "<tool>") return 4;
    return bytes.includes(token) ? 6 : 1;
  };
  // As SentencePiece has it: the longer it took to be merged, the lower; characters last of all.
  const scoreOf = (token: string, id: number): number => (Array.from(token).length === 1 ? -1e4 - id : -id);
  return {
    "tokenizer.ggml.model": string("llama"),
    "tokenizer.ggml.pre": string("default"),
    "tokenizer.ggml.tokens": { type: "strings", value: tokens },
    "tokenizer.ggml.scores": { type: "float32s", value: tokens.map(scoreOf) },
    "tokenizer.ggml.token_type": { type: "int32s", value: tokens.map(typeOf) },
    "tokenizer.ggml.bos_token_id": uint32(1),
    "tokenizer.ggml.eos_token_id": uint32(2),
    "tokenizer.ggml.unknown_token_id": uint32(0),
    "tokenizer.ggml.add_bos_token": { type: "bool", value: true },
  };
}

/**
 * A random Llama of 512 channels and two layers.
 * @param type - of all matrices
 * @param factors - what frequencies are divided by: as llama3 scaling has it, or numbers of no pattern
 */
export async function randomLlama(
  type: string,
  kind: "llama" | "gpt2",
  factors: "llama3" | "any",
): Promise<Uint8Array<ArrayBuffer>> {
  const sizes: LlamaSizes = { hidden: 512, intermediate: 1024, layers: 2, heads: 8, keyHeads: 2 };
  const { hidden } = sizes;
  const pairs = hidden / sizes.heads / 2;
  const own =
    factors === "llama3"
      ? llama3Factors(2 * pairs)
      : Float32Array.from({ length: pairs }, (_, pair) => 1 + ((pair * 7) % 5) / 2);
  const random = createRandom(11);
  return ggufOf(await llamaMetadata(sizes, kind), randomTensors(type, sizes), ({ name, shape, type: written }) => {
    if (name === "rope_freqs.weight") return new Uint8Array(own.buffer);
    const count = shape.reduce((product, size) => product * size, 1);
    if (shape.length === 1)
      return encodeNumbers(
        Float32Array.from({ length: count }, () => 0.5 + random.next()),
        "F32",
      );
    // Large numbers there make a token clearly the most likely one.
    const deviation = (["token_embd.weight", "output.weight"].includes(name) ? 3 : 1) / Math.sqrt(hidden);
    if (written !== "F32" && written !== "F16") return randomBlocks(written, count, deviation, random);
    const numbers = Float32Array.from({ length: count }, () => (random.next() - 0.5) * deviation * Math.sqrt(12));
    return encodeNumbers(numbers, written);
  });
}

/** An output matrix of its own: with tied embeddings the likeliest token is mostly the last one, whatever attention does. */
function randomTensors(type: string, { hidden, intermediate, layers, heads, keyHeads }: LlamaSizes): WrittenTensor[] {
  const matrix = (name: string, ...shape: number[]): WrittenTensor => ({ name, shape, type });
  const vector = (name: string, size: number): WrittenTensor => ({ name, shape: [size], type: "F32" });
  const keys = (hidden / heads) * keyHeads;
  const tensors = [
    matrix("token_embd.weight", 1024, hidden),
    matrix("output.weight", 1024, hidden),
    vector("output_norm.weight", hidden),
    vector("rope_freqs.weight", hidden / heads / 2),
  ];
  for (let layer = 0; layer < layers; layer++) {
    const blk = `blk.${layer}.`;
    tensors.push(
      vector(`${blk}attn_norm.weight`, hidden),
      vector(`${blk}ffn_norm.weight`, hidden),
      matrix(`${blk}attn_q.weight`, hidden, hidden),
      matrix(`${blk}attn_k.weight`, keys, hidden),
      matrix(`${blk}attn_v.weight`, keys, hidden),
      matrix(`${blk}attn_output.weight`, hidden, hidden),
      matrix(`${blk}ffn_gate.weight`, intermediate, hidden),
      matrix(`${blk}ffn_up.weight`, intermediate, hidden),
      matrix(`${blk}ffn_down.weight`, hidden, intermediate),
    );
  }
  return tensors;
}

function uint32(value: number): TypedValue {
  return { type: "uint32", value };
}

function string(value: string): TypedValue {
  return { type: "string", value };
}
