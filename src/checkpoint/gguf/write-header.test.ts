import { expect, test } from "vitest";
import { openBlobs } from "../blobs.ts";
import { readGgufHeader } from "./header.ts";
import { encodeGgufHeader, tensorBytes, type WrittenTensor } from "./write-header.ts";

const tensors: readonly WrittenTensor[] = [
  { name: "a", shape: [3, 32], type: "Q4_0" }, // 54 bytes, padded to 64
  { name: "b", shape: [5], type: "F32" },
];

test("a header holds metadata, and tensors with the fastest dimension first, padded to where data begins", () => {
  const header = encodeGgufHeader(
    {
      n: { type: "uint32", value: 7 },
      f: { type: "float32", value: 1.5 },
      s: { type: "string", value: "é" },
      l: { type: "strings", value: ["x"] },
    },
    tensors,
  );
  const u32 = (value: number): number[] => [value, 0, 0, 0];
  const u64 = (value: number): number[] => [value, 0, 0, 0, 0, 0, 0, 0];
  const text = (value: string): number[] => {
    const bytes = [...new TextEncoder().encode(value)];
    return [...u64(bytes.length), ...bytes];
  };
  const expected = [
    ...[0x47, 0x47, 0x55, 0x46, ...u32(3), ...u64(2), ...u64(4)],
    ...[...text("n"), ...u32(4), ...u32(7)],
    ...[...text("f"), ...u32(6), 0, 0, 0xc0, 0x3f],
    ...[...text("s"), ...u32(8), ...text("é")],
    ...[...text("l"), ...u32(9), ...u32(8), ...u64(1), ...text("x")],
    ...[...text("a"), ...u32(2), ...u64(32), ...u64(3), ...u32(2), ...u64(0)],
    ...[...text("b"), ...u32(1), ...u64(5), ...u32(0), ...u64(64)],
  ];
  expect([...header.subarray(0, expected.length)]).toEqual(expected);
  expect(header.length % 32).toBe(0);
  expect(header.length - expected.length).toBeLessThan(32);
});

test("a token that is a byte order mark comes back as it was", async () => {
  const written = ["<unk>", "\uFEFF", "a"];
  const header = encodeGgufHeader(
    {
      "tokenizer.ggml.model": { type: "string", value: "llama" },
      "tokenizer.ggml.tokens": { type: "strings", value: written },
    },
    [],
  );
  const files = openBlobs({ "m.gguf": new Blob([new Uint8Array(header)]) });
  const { metadata } = await readGgufHeader(files, "m.gguf");
  expect(metadata.get("tokenizer.ggml.tokens")).toEqual(written);
});

test.each([0, 1, 5, 9])(
  "the last token comes back whole where the pieces that are read end %i bytes into it",
  async (bytes) => {
    const last = "<|last|>é";
    const lists = (filler: number) => [..."ab", "x".repeat(filler), last];
    const headerOf = (filler: number, more: readonly WrittenTensor[] = []) =>
      encodeGgufHeader(
        {
          "general.tags": { type: "int32s", value: [1, 2, 3] },
          "tokenizer.ggml.tokens": { type: "strings", value: lists(filler) },
          ...(more.length > 0 && { "tokenizer.chat_template": { type: "string", value: "{{ messages }}" } }),
        },
        more,
      );
    const encoder = new TextEncoder();
    const find = (header: Uint8Array) => Buffer.from(header).indexOf(encoder.encode("<|last|>"));
    const filler = 2_000_000 - bytes - find(headerOf(0));
    for (const more of [[], [{ name: "t", shape: [32], type: "F32" }]]) {
      const header = headerOf(filler, more);
      expect(find(header)).toBe(2_000_000 - bytes);
      const files = openBlobs({ "m.gguf": new Blob([new Uint8Array(header), new Uint8Array(128)]) });
      const { metadata } = await readGgufHeader(files, "m.gguf");
      const tokens = metadata.get("tokenizer.ggml.tokens") as readonly string[];
      expect(tokens.map((token) => token.slice(0, 20))).toEqual(["a", "b", "x".repeat(20), last]);
      expect(metadata.get("tokenizer.chat_template")).toBe(more.length > 0 ? "{{ messages }}" : undefined);
    }
  },
);

test("the version is what the file begins with, whatever a key of that name says", async () => {
  const open = (...parts: readonly BlobPart[]) => openBlobs({ "m.gguf": new Blob([...parts, new Uint8Array(128)]) });
  const text = "x".repeat(2_100_000); // more than the library's first piece
  const value = { version: { type: "uint32", value: 9 }, text: { type: "string", value: text } } as const;
  const { metadata } = await readGgufHeader(open(new Uint8Array(encodeGgufHeader(value, []))), "m.gguf");
  expect([metadata.get("version"), metadata.get("text")]).toEqual([9, text]);
  // Version 1 has lengths of 32 bits.
  const number = (x: number) => Uint32Array.of(x);
  const keys = [number(7), "version", number(4), number(3), number(1), "t", number(8), number(text.length), text];
  const old = open("GGUF", number(1), number(0), number(2), ...keys);
  await expect(readGgufHeader(old, "m.gguf")).rejects.toThrow("has version 1; 2 and 3 are followed");
});

test("tensors have the bytes of their blocks", () => {
  expect(tensors.map(tensorBytes)).toEqual([54, 20]);
  expect(tensorBytes({ name: "c", shape: [2, 64], type: "Q8_0" })).toBe(136);
});
