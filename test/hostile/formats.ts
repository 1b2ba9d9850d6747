import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openBlobs } from "../../src/checkpoint/blobs.ts";
import { readJson } from "../../src/checkpoint/files.ts";
import { openGguf } from "../../src/checkpoint/gguf/open-gguf.ts";
import { encodeGgufHeader, type TypedValue } from "../../src/checkpoint/gguf/write-header.ts";
import type { TensorIndex } from "../../src/checkpoint/tensors.ts";
import { openTensors } from "../../src/checkpoint/tensors.ts";
import { safetensorsBytes } from "../../src/checkpoint/test-safetensors.ts";
import { inspectAdapter } from "../../src/engine/inspect-adapter.ts";
import { loadText, selectTemplate } from "../../src/engine/load-text.ts";
import { inspectModel, type ModelFiles } from "../../src/index.ts";
import { openAdapter, readMatrix } from "../../src/model/adapter/open-adapter.ts";
import { parseModelConfig } from "../../src/model/config.ts";
import { byteToken } from "../../src/text/byte-alphabet.ts";
import { ggufOf, tinyGguf } from "../gguf-models.ts";
import { loadInProcess } from "../in-process-model.ts";
import { tiny } from "../tiny.ts";
import { microAdapter, microModel } from "./micro-model.ts";

/** A kind of file that models come in. One that is read from somewhere else is one more entry in {@link formats}. */
export interface Format {
  readonly name: string;
  /** One of these names stands in every error. */
  readonly files: readonly string[];
  /** Valid files; the changes begin with one of them, and may go on with another. */
  readonly samples: readonly Uint8Array<ArrayBuffer>[];
  /** Where most changes of bytes are made, from the beginning. */
  readonly headerBytes: number;
  /** The JSON in the file, and the file with another in its place, which fits otherwise. */
  readonly json?: {
    readonly get: (bytes: Uint8Array<ArrayBuffer>) => string;
    readonly set: (
      bytes: Uint8Array<ArrayBuffer>,
      json: string,
    ) => Uint8Array<ArrayBuffer> | Promise<Uint8Array<ArrayBuffer>>;
  };
  /** Ways to read the file, and to look at all that comes of it. Each ends well, or in an error. */
  readonly readers: readonly ((bytes: Uint8Array<ArrayBuffer>) => Promise<void>)[];
  /** How many changed files are tried. */
  readonly runs: number;
}

export async function formats(): Promise<readonly Format[]> {
  const micro = microModel();
  return [
    jsonFormat("config.json", micro, 4000),
    jsonFormat("generation_config.json", micro, 1500),
    tokenizerFormat("tokenizer.json", [micro["tokenizer.json"]!, await embedded("tokenizer.json")], 3000),
    tokenizerFormat(
      "tokenizer_config.json",
      [micro["tokenizer_config.json"]!, await embedded("tokenizer_config.json")],
      1500,
    ),
    safetensorsFormat(micro),
    await embeddedWeightsFormat(),
    indexFormat(micro),
    await ggufFormat(),
    await embeddedGgufFormat(),
    await sessionFormat(micro),
    adapterFormat("adapter_config.json", 1500),
    adapterFormat("adapter_model.safetensors", 1500),
    adapterFormat("skein.json", 300),
  ];
}

const wholeText = {
  get: (bytes: Uint8Array<ArrayBuffer>) => new TextDecoder().decode(bytes),
  set: (_: unknown, json: string) => new TextEncoder().encode(json),
};

/** A file that `inspectModel` and loading read. */
function jsonFormat(file: string, micro: Record<string, Uint8Array<ArrayBuffer>>, runs: number): Format {
  return {
    name: file,
    files: [file],
    samples: [micro[file]!],
    headerBytes: micro[file]!.length,
    json: wholeText,
    readers: readersOf(micro, file),
    runs,
  };
}

function tokenizerFormat(file: string, samples: readonly Uint8Array<ArrayBuffer>[], runs: number): Format {
  const micro = microModel();
  const read = async (bytes: Uint8Array<ArrayBuffer>): Promise<void> => {
    const files = openBlobs(blobsOf({ ...micro, [file]: bytes }));
    const parts = await loadText(files);
    if (parts === undefined) return;
    const { tokenizer } = parts;
    selectTemplate(parts, true);
    const { control, offsets } = tokenizer.tokenTable();
    if (offsets.length !== tokenizer.vocabularySize + 1 || control.length !== tokenizer.vocabularySize)
      throw new Error("the token table does not fit the vocabulary");
    for (const text of ["ab abc  世界 👩‍👩‍👧\n<|im_end|>\u0000", " ".repeat(50)]) {
      const tokens = tokenizer.encode(text, { specialTokens: false });
      if (tokens.some((token) => token >= tokenizer.vocabularySize)) throw new Error("a token that there is not");
      tokenizer.decode(tokens);
      tokenizer.encode(text);
    }
  };
  const isConfig = file === "tokenizer_config.json";
  return {
    name: file,
    files: [file],
    samples,
    headerBytes: 2000,
    json: wholeText,
    readers: isConfig ? [read, readersOf(micro, file)[0]!] : [read],
    runs,
  };
}

const safetensorsJson: NonNullable<Format["json"]> = {
  get: (bytes) => new TextDecoder().decode(bytes.subarray(8, dataStartOf(bytes))),
  set: (bytes, json) => safetensorsBytes(json, bytes.subarray(dataStartOf(bytes))),
};

function dataStartOf(bytes: Uint8Array<ArrayBuffer>): number {
  return 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
}

function safetensorsFormat(micro: Record<string, Uint8Array<ArrayBuffer>>): Format {
  const file = "model.safetensors";
  return {
    name: file,
    files: [file, "config.json"], // weights that do not fit the configuration
    samples: [micro[file]!],
    headerBytes: 1500,
    json: safetensorsJson,
    readers: [readTensors(file), ...readersOf(micro, file)],
    runs: 3000,
  };
}

/** The real file, which is larger: only as many as there is time for. */
async function embeddedWeightsFormat(): Promise<Format> {
  const file = "model.safetensors";
  const bytes = await embedded(file);
  return {
    name: `${file} of the embedded model`,
    files: [file],
    samples: [bytes],
    headerBytes: dataStartOf(bytes),
    json: safetensorsJson,
    readers: [readTensors(file)],
    runs: 200,
  };
}

function indexFormat({ "model.safetensors": weights, ...micro }: Record<string, Uint8Array<ArrayBuffer>>): Format {
  const file = "model.safetensors.index.json";
  const shards = splitWeights(weights!);
  const weight_map = Object.fromEntries(shards.flatMap(({ name, tensors }) => tensors.map((tensor) => [tensor, name])));
  const index = new TextEncoder().encode(JSON.stringify({ metadata: { total_size: weights!.length }, weight_map }));
  const folder = { ...micro, ...Object.fromEntries(shards.map(({ name, bytes }) => [name, bytes])) };
  return {
    name: file,
    // A file that the index names and that is not there, or is none of weights; weights that do not fit.
    files: [file, "model-0000", "config.json", "the given files"],
    samples: [index],
    headerBytes: index.length,
    json: wholeText,
    readers: [readTensors(file, folder), ...readersOf(folder, file)],
    runs: 2500,
  };
}

async function ggufFormat(): Promise<Format> {
  const tokens = [...Array.from({ length: 256 }, (_, byte) => byteToken(byte)), "ab", "<|im_end|>"];
  const metadata: Record<string, TypedValue> = {
    "general.architecture": { type: "string", value: "qwen2" },
    "qwen2.block_count": { type: "uint32", value: 1 },
    "qwen2.context_length": { type: "uint32", value: 256 },
    "qwen2.embedding_length": { type: "uint32", value: 32 },
    "qwen2.feed_forward_length": { type: "uint32", value: 32 },
    "qwen2.attention.head_count": { type: "uint32", value: 1 },
    "qwen2.attention.layer_norm_rms_epsilon": { type: "float32", value: 1e-6 },
    "qwen2.rope.scaling.type": { type: "string", value: "yarn" },
    "qwen2.rope.scaling.factor": { type: "float32", value: 2 },
    "qwen2.rope.scaling.original_context_length": { type: "uint32", value: 128 },
    "tokenizer.ggml.model": { type: "string", value: "gpt2" },
    "tokenizer.ggml.pre": { type: "string", value: "qwen2" },
    "tokenizer.ggml.tokens": { type: "strings", value: tokens },
    "tokenizer.ggml.token_type": { type: "int32s", value: tokens.map((_, id) => (id === 257 ? 3 : 1)) },
    "tokenizer.ggml.merges": { type: "strings", value: ["a b"] },
    "tokenizer.ggml.eos_token_id": { type: "uint32", value: 257 },
    "tokenizer.chat_template": { type: "string", value: "{{ messages[0].content }}" },
  };
  const tensors = [
    { name: "token_embd.weight", shape: [tokens.length, 32], type: "Q4_0" },
    ...["F32", "F16", "Q8_0", "Q4_0", "Q5_1", "Q4_K", "IQ4_XS"].map((type, i) => ({
      name: `blk.${i}.attn_q.weight`,
      shape: [1, 256],
      type,
    })),
  ];
  const bytes = await ggufOf(metadata, tensors, () => new Uint8Array());
  return {
    name: "a GGUF file",
    files: ["model.gguf"],
    samples: [bytes],
    headerBytes: encodeGgufHeader(metadata, tensors).length,
    readers: [readGguf],
    runs: 2500,
  };
}

async function embeddedGgufFormat(): Promise<Format> {
  const samples = [await tinyGguf("Q8_0"), await tinyGguf("F16")];
  return {
    name: "the embedded model as a GGUF file",
    files: ["model.gguf"],
    samples,
    headerBytes: 30_000,
    readers: [readGguf],
    runs: 60,
  };
}

async function sessionFormat(micro: Record<string, Uint8Array<ArrayBuffer>>): Promise<Format> {
  const model = await loadInProcess(blobsOf(micro));
  const save = async (length: number): Promise<Uint8Array<ArrayBuffer>> => {
    await using session = await model.createSession();
    await session.append(Array.from({ length }, (_, i) => (i * 31) % 256));
    const { readable, writable } = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
    const [bytes] = await Promise.all([new Response(readable).bytes(), session.save(writable)]);
    return bytes;
  };
  const samples = [await save(40), await save(100), await save(3)];
  return {
    name: "a saved session",
    // A session that is longer than the window says how long.
    files: ["talk.session", "tokens are needed"],
    samples,
    headerBytes: 800,
    // Without its checksums made anew, no changed header would be looked at.
    json: {
      get: (bytes) => new TextDecoder().decode(bytes.subarray(12, 12 + new DataView(bytes.buffer).getUint32(8, true))),
      set: (bytes, json) => framed([new TextEncoder().encode(json), ...payloadsOf(bytes).slice(1)]),
    },
    readers: [
      async (bytes) => {
        await using session = await model.restoreSession(new File([bytes], "talk.session"));
        await session.append([1]);
      },
    ],
    runs: 2500,
  };
}

/** A file of an adapter's folder. */
function adapterFormat(file: string, runs: number): Format {
  const folder = microAdapter();
  const base = parseModelConfig(JSON.parse(wholeText.get(microModel()["config.json"]!)));
  return {
    name: file,
    // Matrices that do not fit the rules are an error of either.
    files: ["adapter_config", "adapter_model.safetensors", "skein.json"],
    samples: [folder[file]!],
    headerBytes: 1000,
    json: file.endsWith(".json") ? wholeText : safetensorsJson,
    readers: [
      async (bytes) => {
        const { modules, tensors } = await openAdapter(openBlobs(blobsOf({ ...folder, [file]: bytes })), base);
        for (const { down, up } of modules.values())
          await Promise.all([down, up].map((name) => readMatrix(tensors, name)));
      },
      async (bytes) => {
        await inspectAdapter(blobsOf({ ...folder, [file]: bytes }));
      },
    ],
    runs,
  };
}

/** The payloads of a saved session's frames, the header first. */
function payloadsOf(bytes: Uint8Array<ArrayBuffer>): Uint8Array<ArrayBuffer>[] {
  const payloads: Uint8Array<ArrayBuffer>[] = [];
  for (let at = 8; at < bytes.length; at += 4 + payloads.at(-1)!.length + 32)
    payloads.push(bytes.slice(at + 4, at + 4 + new DataView(bytes.buffer).getUint32(at, true)));
  return payloads;
}

/** A saved session of these payloads, with the checksums that they have then. */
function framed(payloads: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let digest = new Uint8Array(32);
  const parts: Uint8Array[] = [new TextEncoder().encode("SKEINSE2")];
  for (const payload of payloads) {
    digest = new Uint8Array(createHash("sha256").update(digest).update(payload).digest());
    parts.push(new Uint8Array(Uint32Array.of(payload.length).buffer), payload, digest);
  }
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

/** Inspecting and loading a model of which one file is another. */
function readersOf(folder: Record<string, Uint8Array<ArrayBuffer>>, file: string): Format["readers"] {
  return [
    async (bytes) => {
      await inspectModel(blobsOf({ ...folder, [file]: bytes }));
    },
    async (bytes) => {
      await using model = await loadInProcess(blobsOf({ ...folder, [file]: bytes }));
      await using session = await model.createSession();
      await session.append([1]);
    },
  ];
}

function readTensors(file: string, folder: Record<string, Uint8Array<ArrayBuffer>> = {}): Format["readers"][number] {
  return async (bytes) => readAll(await openTensors(openBlobs(blobsOf({ ...folder, [file]: bytes }))));
}

async function readGguf(bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const opened = await openGguf(openBlobs(blobsOf({ "model.gguf": bytes })), "model.gguf");
  for (const name of ["config.json", "generation_config.json"]) await readJson(opened, name);
  (await loadText(opened))?.tokenizer.encode("ab");
  await readAll(opened.tensors);
}

async function readAll(index: TensorIndex): Promise<void> {
  for (const name of index.names) {
    const { shape, start, end } = index.entry(name)!;
    if ((await index.readBytes(name)).length !== end - start) throw new Error(`${name} has other bytes than it says`);
    const count = shape.reduce((product, size) => product * size, 1);
    if (index.isReadable(name) && (await index.readFloat32(name)).length !== count)
      throw new Error(`${name} has other numbers than it says`);
  }
}

/** Two files with every other tensor each. */
function splitWeights(
  bytes: Uint8Array<ArrayBuffer>,
): readonly { readonly name: string; readonly tensors: readonly string[]; readonly bytes: Uint8Array<ArrayBuffer> }[] {
  const start = dataStartOf(bytes);
  const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, start))) as Record<
    string,
    { readonly data_offsets: readonly [number, number] }
  >;
  return [0, 1].map((half) => {
    const own = Object.entries(header).filter((_, i) => i % 2 === half);
    let end = 0;
    const moved = own.map(
      ([
        name,
        {
          data_offsets: [from, to],
          ...rest
        },
      ]) => {
        const begin = end;
        end += to - from;
        return [name, { ...rest, data_offsets: [begin, end] }] as const;
      },
    );
    const data = new Uint8Array(end);
    for (const [
      i,
      [
        ,
        {
          data_offsets: [from, to],
        },
      ],
    ] of own.entries())
      data.set(bytes.subarray(start + from, start + to), moved[i]![1].data_offsets[0]);
    return {
      name: `model-0000${half + 1}-of-00002.safetensors`,
      tensors: own.map(([name]) => name),
      bytes: safetensorsBytes(Object.fromEntries(moved), data),
    };
  });
}

async function embedded(file: string): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await readFile(join(tiny, file)));
}

function blobsOf(files: Record<string, Uint8Array<ArrayBuffer>>): ModelFiles {
  return Object.fromEntries(Object.entries(files).map(([name, bytes]) => [name, new Blob([bytes])]));
}
