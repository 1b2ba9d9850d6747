import { expect, test } from "vitest";
import { openTensors } from "../tensors.ts";
import { filesOf, float32File, safetensorsBytes } from "../test-safetensors.ts";
import { encodeNumbers, type WrittenType } from "./encode-numbers.ts";
import { ggufPieces, planGguf } from "./write-gguf.ts";
import { type FileType, writtenType } from "./written-types.ts";

/** The bytes behind the header, of one tensor named `a`. */
async function written(
  file: Uint8Array<ArrayBuffer>,
  type: WrittenType,
  shape: readonly number[],
  headRows?: number,
): Promise<Uint8Array> {
  const files = filesOf({ "model.safetensors": file });
  const plan = planGguf({}, [{ source: "a", name: "a", shape, type, ...(headRows ? { headRows } : {}) }]);
  const parts: Uint8Array<ArrayBuffer>[] = [];
  for await (const piece of ggufPieces(plan, files, await openTensors(files))) parts.push(piece);
  const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
  expect(bytes.length).toBe(plan.bytes);
  return bytes.subarray(plan.header.length);
}

const some = (count: number): number[] =>
  Array.from({ length: count }, (_, i) => Math.fround(Math.sin(i * i) * (i % 7)));

test("a tensor is read, encoded and written in pieces, whose borders are not seen", async () => {
  const count = 2 ** 22 + 64;
  const values = some(count);
  const expected = encodeNumbers(Float32Array.from(values), "Q4_0");
  const bytes = await written(float32File({ a: values }), "Q4_0", [count / 32, 32]);
  expect(Buffer.compare(bytes.subarray(0, expected.length), expected)).toBe(0);
  expect([...bytes.subarray(expected.length)]).toEqual(Array(bytes.length - expected.length).fill(0));
});

test("a tensor that has its type already is copied bit for bit, also what float32 would not keep", async () => {
  const data = Uint8Array.from({ length: 66 }, (_, i) => i * 37);
  data.set([0x01, 0xfc], 4); // a NaN with a payload
  const file = safetensorsBytes({ a: { dtype: "F16", shape: [33], data_offsets: [0, 66] } }, data);
  expect([...(await written(file, "F16", [33])).subarray(0, 66)]).toEqual([...data]);
});

test.for(["F16", "F32"] as const)("%s: rows of heads get llama.cpp's order, copied or encoded", async (type) => {
  // Two heads of six rows, two numbers each: reshape(heads, 2, 3, 2).swapaxes(1, 2), as `convert_hf_to_gguf.py` does it.
  const order = [0, 3, 1, 4, 2, 5, 6, 9, 7, 10, 8, 11];
  const numbers = Array.from({ length: 24 }, (_, i) => i);
  const expected = Float32Array.from(order.flatMap((row) => [2 * row, 2 * row + 1]));
  const bytes = await written(float32File({ a: numbers }), type, [12, 2], 6);
  expect([...bytes.subarray(0, type === "F16" ? 48 : 96)]).toEqual([...encodeNumbers(expected, type)]);
});

test.for([
  ["F16", 65519, 65520],
  ["Q8_0", 8.3e6, 8.4e6],
  ["Q4_0", 5.2e5, 5.3e5],
] as const)("%s: a number that it cannot hold is refused with the tensor's name", async ([type, held, refused]) => {
  const tensor = (number: number): Promise<Uint8Array> =>
    written(float32File({ a: [...some(31), -number] }), type, [1, 32]);
  await expect(tensor(held)).resolves.toBeDefined();
  await expect(tensor(refused)).rejects.toThrow(/"a" cannot be written as .* that type cannot hold/);
  await expect(tensor(Number.NaN)).rejects.toThrow(/NaN, so that the weights are damaged/);
});

test("which tensor gets which type", () => {
  const types = (name: string, shape: readonly number[], isTied: boolean): readonly WrittenType[] =>
    (["f16", "q8_0", "q4_0"] satisfies FileType[]).map((file) => writtenType(name, shape, file, isTied));
  expect(types("blk.0.attn_q.weight", [64, 64], true)).toEqual(["F16", "Q8_0", "Q4_0"]);
  expect(types("blk.0.attn_norm.weight", [64], true)).toEqual(["F32", "F32", "F32"]);
  expect(types("blk.0.attn_q.bias", [64], true)).toEqual(["F32", "F32", "F32"]);
  expect(types("token_embd.weight", [100, 64], true)).toEqual(["F16", "Q8_0", "Q8_0"]);
  expect(types("token_embd.weight", [100, 64], false)).toEqual(["F16", "Q8_0", "Q4_0"]);
  expect(types("output.weight", [100, 64], false)).toEqual(["F16", "Q8_0", "Q8_0"]);
  expect(types("blk.0.ffn_down.weight", [64, 48], true)).toEqual(["F16", "F16", "F16"]);
});
