import { blockTypes } from "../src/checkpoint/gguf/block-types.ts";
import type { TypedValue, WrittenTensor } from "../src/checkpoint/gguf/write-header.ts";
import { createRandom } from "../src/sampling/random.ts";
import { ggufOf, tinyMetadata } from "./gguf-models.ts";

const hidden = 512;
const intermediate = 1024;
const layers = 2;
const vocabulary = 1024;

/** Where a type has its scale, and its minimum with how many times the scale it has to be for numbers around 0. */
const scalesAt: Readonly<
  Record<string, { readonly scale: number; readonly minimum?: number; readonly times?: number }>
> = {
  Q4_1: { scale: 0, minimum: 2, times: -7.5 },
  Q5_1: { scale: 0, minimum: 2, times: -15.5 },
  Q2_K: { scale: 80, minimum: 82, times: 1.5 },
  Q3_K: { scale: 108 },
  Q4_K: { scale: 0, minimum: 2, times: 7.5 },
  Q5_K: { scale: 0, minimum: 2, times: 15.5 },
  Q6_K: { scale: 208 },
};

/**
 * A Qwen2 of 512 channels and two layers whose matrices are blocks of random bytes.
 * @param type - of all matrices, by its name in GGUF files
 * @param outer - of the embedding, which is the output matrix too
 */
export async function randomGguf(type: string, outer: string = type): Promise<Uint8Array<ArrayBuffer>> {
  const uint32 = (value: number): TypedValue => ({ type: "uint32", value });
  const metadata = await tinyMetadata({
    "qwen2.block_count": uint32(layers),
    "qwen2.context_length": uint32(1024),
    "qwen2.embedding_length": uint32(hidden),
    "qwen2.feed_forward_length": uint32(intermediate),
    "qwen2.attention.head_count": uint32(8),
    "qwen2.attention.head_count_kv": uint32(2),
    "qwen2.rope.freq_base": { type: "float32", value: 1e6 },
  });
  const matrix = (name: string, ...shape: number[]): WrittenTensor => ({ name, shape, type });
  const vector = (name: string, ...shape: number[]): WrittenTensor => ({ name, shape, type: "F32" });
  const keys = hidden / 4;
  const tensors = [
    { ...matrix("token_embd.weight", vocabulary, hidden), type: outer },
    vector("output_norm.weight", hidden),
  ];
  for (let layer = 0; layer < layers; layer++) {
    const blk = `blk.${layer}.`;
    tensors.push(
      vector(`${blk}attn_norm.weight`, hidden),
      vector(`${blk}ffn_norm.weight`, hidden),
      matrix(`${blk}attn_q.weight`, hidden, hidden),
      matrix(`${blk}attn_k.weight`, keys, hidden),
      matrix(`${blk}attn_v.weight`, keys, hidden),
      vector(`${blk}attn_q.bias`, hidden),
      vector(`${blk}attn_k.bias`, keys),
      vector(`${blk}attn_v.bias`, keys),
      matrix(`${blk}attn_output.weight`, hidden, hidden),
      matrix(`${blk}ffn_gate.weight`, intermediate, hidden),
      matrix(`${blk}ffn_up.weight`, intermediate, hidden),
      matrix(`${blk}ffn_down.weight`, hidden, intermediate),
    );
  }
  const random = createRandom(11);
  return ggufOf(metadata, tensors, ({ name, shape, type }) => {
    const count = shape.reduce((product, size) => product * size, 1);
    if (type === "F32") {
      const number = () => (name.endsWith("bias") ? random.next() - 0.5 : 0.5 + random.next());
      return new Uint8Array(Float32Array.from({ length: count }, number).buffer);
    }
    // Large numbers there make a token clearly the most likely one.
    return randomBlocks(type, count, (name === "token_embd.weight" ? 3 : 1) / Math.sqrt(hidden), random);
  });
}

/** Blocks of random bytes. @param deviation - how large the numbers of each are: the root of the mean of their squares */
export function randomBlocks(type: string, count: number, deviation: number, random: { next(): number }): Uint8Array {
  const { numbers, bytes, dequantise } = [...blockTypes.values()].find(({ name }) => name === type)!;
  const { scale, minimum, times = 0 } = scalesAt[type] ?? { scale: 0 };
  const out = Uint8Array.from({ length: (count / numbers) * bytes }, () => Math.floor(random.next() * 256));
  const view = new DataView(out.buffer);
  const block = new Float32Array(numbers);
  for (let at = 0; at < out.length; at += bytes) {
    const set = (d: number): void => {
      view.setFloat16(at + scale, d, true);
      if (minimum !== undefined) view.setFloat16(at + minimum, d * times, true);
    };
    set(1 / 64);
    dequantise(view, at, block, 0);
    const size = Math.sqrt(block.reduce((sum, number) => sum + number ** 2, 0) / numbers);
    set(deviation / 64 / size);
  }
  return out;
}
