import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { CheckpointFiles } from "./files.ts";
import { openDirectory } from "./node/directory.ts";
import { checkTensors, openTensors, type TensorIndex } from "./tensors.ts";
import { filesOf, float32File, safetensorsBytes } from "./test-safetensors.ts";

const SHARD_1 = "model-00001-of-00002.safetensors";
const SHARD_2 = "model-00002-of-00002.safetensors";
const INDEX = "model.safetensors.index.json";

function sharded(changes: Readonly<Record<string, unknown>> = {}): CheckpointFiles {
  return filesOf({
    [INDEX]: { metadata: { total_size: 16 }, weight_map: { a: SHARD_1, b: SHARD_1, c: SHARD_2 } },
    [SHARD_1]: float32File({ a: [1], b: [2, 3] }),
    [SHARD_2]: float32File({ c: [4] }),
    ...changes,
  });
}

test("one file: names, entries, numbers and bytes", async () => {
  const index = await openTensors(filesOf({ "model.safetensors": float32File({ b: [1.5, -2], a: [3] }) }));
  expect(index.names).toEqual(["b", "a"]);
  expect(index.entry("b")).toMatchObject({ dtype: "F32", shape: [2], file: "model.safetensors" });
  expect(index.entry("__proto__")).toBeUndefined();
  expect([...(await index.readFloat32("b"))]).toEqual([1.5, -2]);
  expect([...(await index.readBytes("a"))]).toEqual([0, 0, 0x40, 0x40]);
  await expect(index.readFloat32("c")).rejects.toMatchObject({ code: "not_found" });
});

test("F16 and BF16 are widened exactly, empty tensors and scalars are read", async () => {
  const data = new Uint8Array(new Uint16Array([0x3c00, 0x0001, 0xfc00, 0x3f80, 0xc2f7, 0x4000]).buffer);
  const header = {
    half: { dtype: "F16", shape: [3], data_offsets: [0, 6] },
    none: { dtype: "F32", shape: [0, 5], data_offsets: [6, 6] },
    brain: { dtype: "BF16", shape: [1, 2], data_offsets: [6, 10] },
    scalar: { dtype: "F16", shape: [], data_offsets: [10, 12] },
  };
  const index = await openTensors(filesOf({ "model.safetensors": safetensorsBytes(header, data) }));
  expect([...(await index.readFloat32("half"))]).toEqual([1, 2 ** -24, -Infinity]);
  expect([...(await index.readFloat32("brain"))]).toEqual([1, -123.5]);
  expect([...(await index.readFloat32("none"))]).toEqual([]);
  expect([...(await index.readFloat32("scalar"))]).toEqual([2]);
});

test("a tensor of another type can be carried and read as bytes, not as weights", async () => {
  const header = { ids: { dtype: "I64", shape: [1], data_offsets: [0, 8] } };
  const index = await openTensors(filesOf({ "model.safetensors": safetensorsBytes(header, 8) }));
  expect(await index.readBytes("ids")).toHaveLength(8);
  await expect(index.readFloat32("ids")).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringMatching(/"ids".*I64/),
  });
});

test("large tensors are read in pieces of at most 64 MiB", async () => {
  const megabyte = 2 ** 20;
  const elements = 34 * megabyte; // 68 MiB of BF16
  const header = { w: { dtype: "BF16", shape: [34, megabyte], data_offsets: [0, 2 * elements] } };
  const head = safetensorsBytes(header);
  const pieces: number[] = [];
  // Element i has the pattern i mod 65536, made when it is read.
  const files: CheckpointFiles = {
    label: "virtual",
    size: async (name) => (name === "model.safetensors" ? head.length + 2 * elements : undefined),
    read: async (_name, start, end) => {
      if (end <= head.length) return head.slice(start, end);
      pieces.push(end - start);
      const first = (start - head.length) / 2;
      const patterns = new Uint16Array((end - start) / 2);
      for (let index = 0; index < patterns.length; index += 1) patterns[index] = first + index;
      // At an odd address, as a view of something larger may be.
      const bytes = new Uint8Array(end - start + 1);
      bytes.set(new Uint8Array(patterns.buffer), 1);
      return bytes.subarray(1);
    },
    close: async () => {},
  };
  const index = await openTensors(files);
  const values = new Uint32Array((await index.readFloat32("w")).buffer);
  expect(values).toHaveLength(elements);
  expect(values.findIndex((bits, position) => bits !== (position % 65536) * 65536)).toBe(-1);
  expect(pieces).toEqual([64 * megabyte, 4 * megabyte]);
});

test("a tensor that does not fit into memory is an error that says so", async () => {
  const bytes = 2 ** 48;
  const head = safetensorsBytes({ w: { dtype: "F32", shape: [bytes / 4], data_offsets: [0, bytes] } });
  const files: CheckpointFiles = {
    label: "virtual",
    size: async () => head.length + bytes,
    read: async (_name, start, end) => head.slice(start, end),
    close: async () => {},
  };
  const index = await openTensors(files);
  await expect(index.readFloat32("w")).rejects.toMatchObject({ code: "out_of_memory" });
});

test("shards are found through the index, and read from their files", async () => {
  const index = await openTensors(sharded());
  expect(index.names).toEqual(["a", "b", "c"]);
  expect(index.entry("c")?.file).toBe(SHARD_2);
  expect([...(await index.readFloat32("b"))]).toEqual([2, 3]);
  expect([...(await index.readFloat32("c"))]).toEqual([4]);
});

test.each<[string, Readonly<Record<string, unknown>>, string, RegExp]>([
  ["an index that is not JSON", { [INDEX]: "{" }, "invalid_checkpoint", /index\.json .* not valid JSON/],
  ["an index that is a list", { [INDEX]: [] }, "invalid_checkpoint", /no weight_map/],
  ["no weight_map", { [INDEX]: {} }, "invalid_checkpoint", /no weight_map/],
  ["a weight_map that is a list", { [INDEX]: { weight_map: [] } }, "invalid_checkpoint", /no weight_map/],
  ["a file name that is no text", { [INDEX]: { weight_map: { a: 1 } } }, "invalid_checkpoint", /no file name for "a"/],
  [
    "a path out of the folder",
    { [INDEX]: { weight_map: { a: "../x.safetensors" } } },
    "invalid_checkpoint",
    /"\.\.\/x\.safetensors" is not a file name inside/,
  ],
  [
    "an absolute path",
    { [INDEX]: { weight_map: { a: "/x.safetensors" } } },
    "invalid_checkpoint",
    /not a file name inside/,
  ],
  [
    "a tensor listed twice",
    { [INDEX]: `{"weight_map": {"a": "${SHARD_1}", "a": "${SHARD_2}"}}` },
    "invalid_checkpoint",
    /"a" twice/,
  ],
  [
    "a shard that is not there",
    { [INDEX]: { weight_map: { a: "x.safetensors" } } },
    "not_found",
    /"x\.safetensors" is not in/,
  ],
  ["a damaged shard", { [SHARD_2]: float32File({ c: [4] }).slice(0, -1) }, "invalid_checkpoint", /00002.*ends at byte/],
  [
    "a tensor that its shard does not hold",
    { [INDEX]: { weight_map: { c: SHARD_1 } } },
    "invalid_checkpoint",
    /"c" is in "model-00001-of-00002.safetensors", which does not hold it/,
  ],
  [
    "a tensor in the other shard",
    { [INDEX]: { weight_map: { a: SHARD_1, b: SHARD_2 } } },
    "invalid_checkpoint",
    /"b" is in "model-00002/,
  ],
  [
    "a tensor in both shards",
    { [SHARD_2]: float32File({ c: [4], a: [5] }) },
    "invalid_checkpoint",
    /"a" twice: in model-00001-of-00002.safetensors and in model-00002/,
  ],
])("refuses a sharded checkpoint with %s", async (_, changes, code, message) => {
  await expect(openTensors(sharded(changes))).rejects.toMatchObject({ code, message: expect.stringMatching(message) });
});

test.each<[string, RegExp]>([
  ["qwen2-0.5b-q4_0.gguf", /GGUF \("qwen2-0\.5b-q4_0\.gguf"\), which is not supported/],
  ["pytorch_model.bin", /pytorch_model\.bin, a format that can run code/],
  ["pytorch_model.bin.index.json", /pytorch_model\.bin\.index\.json, a format/],
])("weights in another format are named: %s", async (name, message) => {
  const files = filesOf({ "config.json": "{}", [name]: "" });
  await expect(openTensors(files)).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringMatching(message),
  });
});

test("without weights, the error says what was looked for", async () => {
  await expect(openTensors(filesOf({ "config.json": "{}" }))).rejects.toMatchObject({
    code: "not_found",
    message: expect.stringMatching(/neither model\.safetensors nor model\.safetensors\.index\.json/),
  });
});

test("the embedded model's weights are finite numbers of a plausible size", async () => {
  const files = await openDirectory(fileURLToPath(new URL("../../models/tiny-qwen2/", import.meta.url)));
  const index = await openTensors(files);
  const norm = await index.readFloat32("model.norm.weight");
  expect(norm).toHaveLength(128);
  expect(norm.every((value) => Math.abs(value) < 100 && value !== 0)).toBe(true);
  await files.close();
});

async function indexOf(tensors: Readonly<Record<string, readonly number[]>>): Promise<TensorIndex> {
  return await openTensors(filesOf({ "model.safetensors": float32File(tensors) }));
}

test("tensors that fit the model pass, with optional ones or without", async () => {
  const expected = new Map([
    ["a", [1]],
    ["b", [2]],
  ]);
  checkTensors(await indexOf({ a: [1], b: [1, 2] }), expected);
  checkTensors(await indexOf({ a: [1], b: [1, 2], "x.1": [1] }), expected, { optional: [/^x\.\d$/] });
});

test("what does not fit is named, by kind, in one error", async () => {
  const header = {
    a: { dtype: "F32", shape: [1, 2], data_offsets: [0, 8] },
    b: { dtype: "F64", shape: [1], data_offsets: [8, 16] },
    "y\n": { dtype: "F32", shape: [], data_offsets: [16, 20] },
  };
  const index = await openTensors(filesOf({ "model.safetensors": safetensorsBytes(header, 20) }));
  const expected = new Map([
    ["a", [2]],
    ["b", [1]],
    ["c", [3]],
  ]);
  expect(() => checkTensors(index, expected)).toThrow(
    expect.objectContaining({
      code: "invalid_checkpoint",
      message: expect.stringContaining(
        'Tensors missing: c; not expected: "y\\n"; of the wrong shape: a ([1, 2] instead of [2]); not F32, F16 or BF16: b (F64).',
      ),
    }),
  );
});

test("ten of a kind are named, the rest is counted", async () => {
  const expected = new Map(Array.from({ length: 23 }, (_, number) => [`layer${number}`, [1]]));
  const index = await indexOf({});
  expect(() => checkTensors(index, expected)).toThrow(/missing: (layer\d, ){9}layer9 and 13 more\./);
});
