import { expect, test } from "vitest";
import { filesOf } from "../test-safetensors.ts";
import { tensorReader } from "./head-rows.ts";
import type { GgufTensor } from "./header.ts";

/** Two heads of eight rows, three bytes each: what a byte is says which row it was in the checkpoint. */
const [heads, headRows, rowBytes, start] = [2, 8, 3, 5];
const checkpoint = Array.from({ length: heads * headRows }, (_, row) => row);

/** As `convert_hf_to_gguf.py` does it: reshape(heads, 2, half).swapaxes(1, 2). */
const written = checkpoint.map((_, row) => {
  const [head, inHead] = [Math.floor(row / headRows), row % headRows];
  return head * headRows + (inHead % 2) * (headRows / 2) + Math.floor(inHead / 2);
});
const bytes = Uint8Array.from([9, 9, 9, 9, 9, ...written.flatMap((row) => [row * 10, row * 10 + 1, row * 10 + 2])]);
const files = filesOf({ "model.gguf": bytes });
const expected = checkpoint.flatMap((row) => [row * 10, row * 10 + 1, row * 10 + 2]);

const tensor = (name: string, shape: readonly number[] = [heads * headRows, 3]): GgufTensor => ({
  name,
  shape,
  type: "F32",
  file: "model.gguf",
  start,
  end: start + heads * headRows * rowBytes,
});
const header = (architecture: string, counts: Readonly<Record<string, number>>) => ({
  metadata: new Map<string, string | number>([["general.architecture", architecture], ...Object.entries(counts)]),
  tensors: [],
});
const llama = header("llama", { "llama.attention.head_count": heads });

test("the rows of Llama's queries and keys are put back, whatever piece is read", async () => {
  for (const name of ["blk.0.attn_q.weight", "blk.7.attn_k.weight", "blk.0.attn_k.bias"]) {
    const read = tensorReader(files, llama)(tensor(name));
    expect([...(await read(0, expected.length))]).toEqual(expected);
    for (let from = 0; from < expected.length; from += 5)
      for (const to of [from, from + 1, Math.min(expected.length, from + 7), expected.length])
        expect([...(await read(from, to))]).toEqual(expected.slice(from, to));
  }
});

test("keys have heads of their own number", async () => {
  const counts = { "llama.attention.head_count": 4, "llama.attention.head_count_kv": heads };
  const read = tensorReader(files, header("llama", counts))(tensor("blk.0.attn_k.weight"));
  expect([...(await read(0, expected.length))]).toEqual(expected);
});

test.each<[string, GgufTensor, ReturnType<typeof header>]>([
  ["values", tensor("blk.0.attn_v.weight"), llama],
  ["another architecture", tensor("blk.0.attn_q.weight"), header("qwen2", { "qwen2.attention.head_count": heads })],
  ["rows that the heads do not divide", tensor("blk.0.attn_q.weight", [5, 3]), llama],
  ["no heads", tensor("blk.0.attn_q.weight"), header("llama", {})],
])("others are read as they are: %s", async (_, own, its) => {
  const plain = [...bytes.subarray(start)];
  expect([...(await tensorReader(files, its)(own)(0, plain.length))]).toEqual(plain);
});
