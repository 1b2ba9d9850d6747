import fc from "fast-check";
import { expect, test } from "vitest";
import type { SkeinError } from "../../errors.ts";
import { openBlobs } from "../blobs.ts";
import { readJson } from "../files.ts";
import { hostileFile, isRefusedBy } from "../test-hostile.ts";
import { openGguf } from "./open-gguf.ts";
import { aligned, encodeGgufHeader, type TypedValue, tensorBytes, type WrittenTensor } from "./write-header.ts";

const file = "model.gguf";
const uint32 = (value: number): TypedValue => ({ type: "uint32", value });
const metadata: Readonly<Record<string, TypedValue>> = {
  "general.architecture": { type: "string", value: "qwen2" },
  "qwen2.block_count": uint32(1),
  "qwen2.context_length": uint32(256),
  "qwen2.embedding_length": uint32(32),
  "qwen2.feed_forward_length": uint32(32),
  "qwen2.attention.head_count": uint32(1),
  "qwen2.attention.layer_norm_rms_epsilon": { type: "float32", value: 1e-6 },
  "tokenizer.ggml.model": { type: "string", value: "gpt2" },
  "tokenizer.ggml.pre": { type: "string", value: "qwen2" },
  "tokenizer.ggml.tokens": { type: "strings", value: ["a", "b", "<|im_end|>"] },
  "tokenizer.ggml.token_type": { type: "int32s", value: [1, 1, 3] },
  "tokenizer.ggml.merges": { type: "strings", value: ["a b"] },
  "tokenizer.ggml.eos_token_id": uint32(2),
};
const tensors = [
  { name: "token_embd.weight", shape: [3, 32], type: "Q8_0" },
  { name: "blk.0.attn_q.weight", shape: [2, 256], type: "Q4_K" },
  { name: "output_norm.weight", shape: [32], type: "F32" },
];

/** A Llama: permuted rows, factors of frequencies, scores of tokens. */
const llamaMetadata: Readonly<Record<string, TypedValue>> = {
  ...Object.fromEntries(Object.entries(metadata).map(([key, value]) => [key.replace(/^qwen2/, "llama"), value])),
  "general.architecture": { type: "string", value: "llama" },
  "tokenizer.ggml.model": { type: "string", value: "llama" },
  "tokenizer.ggml.tokens": { type: "strings", value: ["<unk>", "<s>", "</s>", "a", "b", "ab", "abab", "[INST]"] },
  "tokenizer.ggml.token_type": { type: "int32s", value: [2, 3, 3, 1, 1, 1, 1, 3] },
  "tokenizer.ggml.scores": { type: "float32s", value: [0, 0, 0, -9, -8, -1, -2, 0] },
};
const llamaTensors = [
  { name: "token_embd.weight", shape: [8, 32], type: "Q8_0" },
  { name: "blk.0.attn_q.weight", shape: [32, 32], type: "Q4_0" },
  { name: "blk.0.attn_k.bias", shape: [32], type: "F32" },
  { name: "rope_freqs.weight", shape: [16], type: "F32" },
];

interface ValidFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly headerLength: number;
}

async function writeFile(own: typeof metadata, its: readonly WrittenTensor[]): Promise<ValidFile> {
  const header = encodeGgufHeader(own, its);
  const contents = its.map((tensor) => new Uint8Array(aligned(tensorBytes(tensor))));
  const factors = its.findIndex(({ name }) => name === "rope_freqs.weight");
  if (factors >= 0) new Float32Array(contents[factors]!.buffer).fill(1);
  return { bytes: new Uint8Array(await new Blob([header, ...contents]).arrayBuffer()), headerLength: header.length };
}

const files: readonly [string, ValidFile][] = [
  ["qwen2", await writeFile(metadata, tensors)],
  ["llama", await writeFile(llamaMetadata, llamaTensors)],
];

/** Opens the file and reads all that is made of it. */
async function readAll(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const opened = await openGguf(hostileFile(file, bytes), file);
  for (const name of ["config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json"])
    await readJson(opened, name);
  const index = opened.tensors;
  for (const name of index.names) {
    expect((await index.readFloat32(name)).length).toBeLessThanOrEqual(8 * bytes.length);
    expect((await index.readBytes(name)).length).toBeLessThanOrEqual(bytes.length);
  }
}

/** Whether the file was refused. */
function isRefused(bytes: Uint8Array<ArrayBuffer>): Promise<boolean> {
  return isRefusedBy(() => readAll(bytes));
}

test.each(files)("%s: the file that is changed below is valid", async (_, { bytes }) => {
  expect(await isRefused(bytes)).toBe(false);
});

test("a tensor that is there twice, and a type that Skein does not have, are refused by name", async () => {
  const message = async (changed: readonly WrittenTensor[], change: (bytes: Uint8Array) => void = () => {}) => {
    const parts = [
      encodeGgufHeader(metadata, changed),
      ...changed.map((tensor) => new Uint8Array(aligned(tensorBytes(tensor)))),
    ];
    const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
    change(bytes);
    return openGguf(openBlobs({ [file]: new Blob([bytes]) }), file).then(
      () => "opened",
      (error: SkeinError) => `${error.code}: ${error.message}`,
    );
  };
  expect(await message(tensors)).toBe("opened");
  expect(await message([...tensors, tensors[2]!])).toMatch(/^invalid_checkpoint: .*names a tensor twice$/);
  const name = new TextEncoder().encode("output_norm.weight");
  const setType = (bytes: Uint8Array) => {
    const at = Buffer.from(bytes.buffer).indexOf(name) + name.length + 4 + 8; // dimensions, one size
    new DataView(bytes.buffer).setUint32(at, 16, true); // IQ2_XXS
  };
  expect(await message(tensors, setType)).toMatch(/^unsupported: .*"output_norm.weight" is of ggml's type 16, .* Q4_K/);
});

test.each(files)("%s: every prefix is refused", async (_, { bytes: valid }) => {
  for (let length = 0; length < valid.length - 32; length += 7) {
    expect(await isRefused(valid.slice(0, length)), `${length} bytes`).toBe(true);
  }
});

test.each(files)(
  "%s: bytes changed, cut out or put in anywhere in the header",
  async (_, { bytes: valid, headerLength }) => {
    const position = fc.nat({ max: headerLength });
    const change = fc.record({ position, remove: fc.nat({ max: 12 }), insert: fc.uint8Array({ maxLength: 12 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 4 }), async (changes) => {
        let bytes = [...valid];
        for (const { position, remove, insert } of changes)
          bytes = [...bytes.slice(0, position), ...insert, ...bytes.slice(position + remove)];
        await isRefused(Uint8Array.from(bytes));
      }),
      { numRuns: 1500 },
    );
  },
);

test.each(files)(
  "%s: numbers of 32 and 64 bits replaced by the ends of their ranges",
  async (_, { bytes: valid, headerLength }) => {
    const numbers = fc.constantFrom(
      0n,
      1n,
      2n ** 16n,
      2n ** 31n - 1n,
      2n ** 32n - 1n,
      2n ** 53n,
      2n ** 63n,
      2n ** 64n - 1n,
    );
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: headerLength - 9 }), numbers, fc.boolean(), async (at, number, isWide) => {
        const bytes = valid.slice();
        const view = new DataView(bytes.buffer);
        if (isWide) view.setBigUint64(at, number, true);
        else view.setUint32(at, Number(number & 0xffffffffn), true);
        await isRefused(bytes);
      }),
      { numRuns: 1500 },
    );
  },
);
