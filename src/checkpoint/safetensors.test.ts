import { readdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { CheckpointFiles } from "./files.ts";
import { openDirectory } from "./node/directory.ts";
import { readHeader } from "./safetensors.ts";
import { filesOf, safetensorsBytes } from "./test-safetensors.ts";

const FILE = "model.safetensors";
const a = { dtype: "F32", shape: [2, 2], data_offsets: [0, 16] };
const b = { dtype: "F16", shape: [3], data_offsets: [16, 22] };

function headerOf(bytes: Uint8Array<ArrayBuffer>) {
  return readHeader(filesOf({ [FILE]: bytes }), FILE);
}

test("the tensors in the order of their data, at their place in the file", async () => {
  const bytes = safetensorsBytes({ b, __metadata__: { format: "pt" }, a }, 22);
  const start = bytes.length - 22;
  expect(await headerOf(bytes)).toEqual([
    { name: "a", dtype: "F32", shape: [2, 2], file: FILE, start, end: start + 16 },
    { name: "b", dtype: "F16", shape: [3], file: FILE, start: start + 16, end: start + 22 },
  ]);
});

test("scalars, empty tensors, all types, and a header padded with spaces", async () => {
  const header = {
    scalar: { dtype: "I64", shape: [], data_offsets: [0, 8] },
    none: { dtype: "BF16", shape: [0, 7], data_offsets: [8, 8] },
    nothing: { dtype: "F64", shape: [0], data_offsets: [8, 8] },
    bool: { dtype: "BOOL", shape: [3], data_offsets: [8, 11] },
    six: { dtype: "F6_E2M3", shape: [4], data_offsets: [11, 14] },
    four: { dtype: "F4", shape: [2, 3], data_offsets: [14, 17] },
  };
  const entries = await headerOf(safetensorsBytes(`${JSON.stringify(header)}    `, 17));
  expect(new Set(entries.map(({ name }) => name))).toEqual(new Set(Object.keys(header)));
  expect(await headerOf(safetensorsBytes({}, 0))).toEqual([]);
});

test("names that objects inherit are names of tensors", async () => {
  const header = '{"__proto__": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}}';
  expect((await headerOf(safetensorsBytes(header, 1))).map(({ name }) => name)).toEqual(["__proto__"]);
});

test.each<[string, Uint8Array<ArrayBuffer>, RegExp]>([
  ["an empty file", new Uint8Array(0), /0 bytes, too few/],
  ["seven bytes", new Uint8Array(7), /7 bytes, too few/],
  ["a header longer than the file", safetensorsBytes({ a }, 16).slice(0, 40), /claims a header of \d+ bytes/],
  ["a header of 2^64 - 1 bytes", new Uint8Array(64).fill(255), /claims a header of 18446744073709551615 bytes/],
  ["no JSON", safetensorsBytes("{", 0), /not valid JSON/],
  ["no header", new Uint8Array(8), /not valid JSON/],
  ["no UTF-8", safetensorsBytes({}, 0).fill(255, 8), /not UTF-8/],
  ["a header that is a list", safetensorsBytes("[]"), /not an object/],
  ["a header that is null", safetensorsBytes("null"), /not an object/],
  [
    "the same name twice",
    safetensorsBytes(`{"a": ${JSON.stringify(a)}, "\\u0061": ${JSON.stringify(a)}}`, 16),
    /"a" twice/,
  ],
  [
    "a field twice",
    safetensorsBytes('{"a": {"dtype": "F16", "dtype": "F32", "shape": [], "data_offsets": [0, 4]}}', 4),
    /"dtype" twice/,
  ],
  ["a description that is no object", safetensorsBytes({ a: 1 }), /"a" whose description/],
  ["a type that does not exist", safetensorsBytes({ a: { ...a, dtype: "F31" } }, 16), /"a" of the unknown type "F31"/],
  ["a type that objects inherit", safetensorsBytes({ a: { ...a, dtype: "toString" } }, 16), /unknown type "toString"/],
  ["no type", safetensorsBytes({ a: { ...a, dtype: undefined } }, 16), /unknown type undefined/],
  ["no shape", safetensorsBytes({ a: { ...a, shape: null } }, 16), /"a" whose shape/],
  ["a negative size", safetensorsBytes({ a: { ...a, shape: [-2, -2] } }, 16), /"a" whose shape/],
  ["a fraction as size", safetensorsBytes({ a: { ...a, shape: [1.5] } }, 16), /"a" whose shape/],
  ["a size beyond exact numbers", safetensorsBytes({ a: { ...a, shape: [2 ** 53] } }, 16), /"a" whose shape/],
  ["text as size", safetensorsBytes({ a: { ...a, shape: ["2", "2"] } }, 16), /"a" whose shape/],
  [
    "a shape whose product overflows",
    safetensorsBytes({ a: { ...a, shape: [2 ** 31, 2 ** 31, 0] } }, 16),
    /impossible size/,
  ],
  ["half a byte", safetensorsBytes({ a: { dtype: "F4", shape: [3], data_offsets: [0, 2] } }, 2), /impossible size/],
  ["no offsets", safetensorsBytes({ a: { ...a, data_offsets: undefined } }, 16), /"a" whose data_offsets/],
  ["three offsets", safetensorsBytes({ a: { ...a, data_offsets: [0, 8, 16] } }, 16), /"a" whose data_offsets/],
  ["offsets in the wrong order", safetensorsBytes({ a: { ...a, data_offsets: [16, 0] } }, 16), /"a" of -16 bytes/],
  [
    "fewer bytes than the shape needs",
    safetensorsBytes({ a: { ...a, shape: [5] } }, 16),
    /"a" of 16 bytes; F32 \[5\] needs 20/,
  ],
  ["data cut off", safetensorsBytes({ a, b }, 21), /"b" that ends at byte \d+; the file has \d+/],
  [
    "data beyond 2^53",
    safetensorsBytes({ a: { ...a, data_offsets: [2 ** 53 - 17, 2 ** 53 - 1] } }, 16),
    /ends at byte/,
  ],
  ["an overlap", safetensorsBytes({ a, b: { ...b, data_offsets: [14, 20] } }, 20), /"b" that overlaps/],
  ["the same data twice", safetensorsBytes({ a, c: a }, 16), /"c" that overlaps/],
  [
    "a hole",
    safetensorsBytes({ a, b: { ...b, data_offsets: [18, 24] } }, 24),
    /"b" after 2 bytes that belong to no tensor/,
  ],
  ["a hole at the beginning", safetensorsBytes({ a: { ...a, data_offsets: [4, 20] } }, 20), /"a" after 4 bytes/],
  ["bytes after the last tensor", safetensorsBytes({ a }, 17), /1 bytes after its last tensor/],
  ["metadata that is no object", safetensorsBytes({ __metadata__: "pt", a }, 16), /__metadata__/],
  ["metadata that is not text", safetensorsBytes({ __metadata__: { a: 1 }, a }, 16), /__metadata__/],
])("refuses %s", async (_, bytes, message) => {
  await expect(headerOf(bytes)).rejects.toMatchObject({
    name: "CheckpointError",
    code: "invalid_checkpoint",
    message: expect.stringMatching(message),
  });
});

test("an absent file", async () => {
  await expect(readHeader(filesOf({ a: "" }), FILE)).rejects.toMatchObject({ code: "not_found" });
});

test("names cannot break a message or make it endless", async () => {
  const name = `\u001b[2J\n\u202e${"x".repeat(100_000)}`;
  const error: Error = await headerOf(safetensorsBytes({ [name]: 1 })).catch((reason) => reason);
  expect(error.message).toMatch(/^[\x20-\x7e…]{1,300}$/);
});

test("a header that claims the format's whole 100 MB is not read from a smaller file", async () => {
  const files: CheckpointFiles = {
    label: "somewhere",
    size: async () => 2 ** 40,
    read: async (_name, start, end) => {
      expect([start, end]).toEqual([0, 8]);
      const prefix = new Uint8Array(8);
      new DataView(prefix.buffer).setBigUint64(0, 100_000_001n, true);
      return prefix;
    },
    close: async () => {},
  };
  await expect(readHeader(files, FILE)).rejects.toThrow(/claims a header of 100000001 bytes/);
});

test("every file of the fixtures and the embedded model is valid", async () => {
  const logits = new URL("../../fixtures/logits/", import.meta.url);
  const folders = (await readdir(logits)).map((name) => new URL(`${name}/`, logits));
  let count = 0;
  for (const folder of [...folders, new URL("../../models/tiny-qwen2/", import.meta.url)]) {
    const files = await openDirectory(fileURLToPath(folder));
    for (const name of await readdir(folder)) {
      if (!name.endsWith(".safetensors")) continue;
      expect((await readHeader(files, name)).length).toBeGreaterThan(2);
      count += 1;
    }
    await files.close();
  }
  expect(count).toBe(17);
});
