import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { encodeNumbers } from "../src/checkpoint/gguf/encode-numbers.ts";
import { ggufName } from "../src/checkpoint/gguf/tensor-names.ts";
import {
  aligned,
  encodeGgufHeader,
  type TypedValue,
  tensorBytes,
  type WrittenTensor,
} from "../src/checkpoint/gguf/write-header.ts";
import { openDirectory } from "../src/checkpoint/node/directory.ts";
import { openTensors } from "../src/checkpoint/tensors.ts";
import { tiny } from "./tiny.ts";

/** What the matrices of a GGUF file are written in. */
export type MatrixType = "F32" | "F16" | "BF16" | "Q8_0" | "Q4_0" | "Q5_1";

/** The embedded model as a GGUF file; vectors are F32. @param changes - of the metadata; undefined: left out */
export async function tinyGguf(
  type: MatrixType,
  changes: Readonly<Record<string, TypedValue | undefined>> = {},
): Promise<Uint8Array<ArrayBuffer>> {
  const [only] = await tinyGgufParts(type, 1, changes);
  return only!;
}

/** The same in so many files, of which only the first one has the metadata. */
export async function tinyGgufParts(
  type: MatrixType,
  parts: number,
  changes: Readonly<Record<string, TypedValue | undefined>> = {},
): Promise<readonly Uint8Array<ArrayBuffer>[]> {
  const files = await openDirectory(tiny);
  try {
    const index = await openTensors(files);
    const tensors = index.names.map(
      (source): WrittenTensor & { readonly source: string; readonly type: MatrixType } => {
        const { shape } = index.entry(source)!;
        return { source, name: ggufName(source)!, shape, type: shape.length === 1 ? "F32" : type };
      },
    );
    const metadata = await tinyMetadata(changes);
    const own = (part: number): Record<string, TypedValue> => {
      if (parts === 1) return metadata;
      const number = (value: number): TypedValue => ({ type: "uint32", value });
      const split = { "split.no": number(part), "split.count": number(parts) };
      return { ...(part === 0 ? metadata : {}), ...split, "split.tensors.count": number(tensors.length) };
    };
    return await Promise.all(
      Array.from({ length: parts }, (_, part) =>
        ggufOf(
          own(part),
          tensors.filter((_, i) => i % parts === part),
          async ({ source, type }) => encode(await index.readFloat32(source), type),
        ),
      ),
    );
  } finally {
    await files.close();
  }
}

/** A GGUF file. @param encoded - the bytes of a tensor */
export async function ggufOf<T extends WrittenTensor>(
  metadata: Readonly<Record<string, TypedValue>>,
  tensors: readonly T[],
  encoded: (tensor: T) => Promise<Uint8Array> | Uint8Array,
): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array<ArrayBuffer>[] = [encodeGgufHeader(metadata, tensors)];
  for (const tensor of tensors) {
    const bytes = new Uint8Array(aligned(tensorBytes(tensor)));
    bytes.set(await encoded(tensor));
    parts.push(bytes);
  }
  return new Uint8Array(await new Blob(parts).arrayBuffer());
}

/** The metadata of the embedded model. @param changes - undefined: left out */
export async function tinyMetadata(
  changes: Readonly<Record<string, TypedValue | undefined>> = {},
): Promise<Record<string, TypedValue>> {
  const kept = Object.entries({ ...(await ownMetadata()), ...changes }).filter(([, value]) => value !== undefined);
  return Object.fromEntries(kept) as Record<string, TypedValue>;
}

async function ownMetadata(): Promise<Record<string, TypedValue>> {
  const { model, added_tokens } = JSON.parse(await readFile(join(tiny, "tokenizer.json"), "utf8"));
  const added = new Map<number, string>(
    added_tokens.map(({ id, content }: { id: number; content: string }) => [id, content]),
  );
  const texts = new Map<number, string>([
    ...Object.entries<number>(model.vocab).map(([text, id]) => [id, text] as const),
    ...added,
  ]);
  const tokens = Array.from({ length: texts.size }, (_, id) => texts.get(id)!);
  const uint32 = (value: number): TypedValue => ({ type: "uint32", value });
  return {
    "general.architecture": { type: "string", value: "qwen2" },
    "qwen2.block_count": uint32(4),
    "qwen2.context_length": uint32(256),
    "qwen2.embedding_length": uint32(128),
    "qwen2.feed_forward_length": uint32(384),
    "qwen2.attention.head_count": uint32(4),
    "qwen2.attention.head_count_kv": uint32(2),
    "qwen2.attention.layer_norm_rms_epsilon": { type: "float32", value: 1e-6 },
    "qwen2.rope.freq_base": { type: "float32", value: 500 },
    "tokenizer.ggml.model": { type: "string", value: "gpt2" },
    "tokenizer.ggml.pre": { type: "string", value: "qwen2" },
    "tokenizer.ggml.tokens": { type: "strings", value: tokens },
    "tokenizer.ggml.token_type": { type: "int32s", value: tokens.map((_, id) => (added.has(id) ? 3 : 1)) },
    "tokenizer.ggml.merges": { type: "strings", value: model.merges },
    "tokenizer.ggml.eos_token_id": uint32(1023),
    "tokenizer.ggml.add_bos_token": { type: "bool", value: false },
  };
}

function encode(values: Float32Array<ArrayBuffer>, type: MatrixType): Uint8Array {
  if (type === "BF16")
    return new Uint8Array(Uint16Array.from(new Uint32Array(values.slice().buffer), (bits) => bits >>> 16).buffer);
  return type === "Q5_1" ? blocksWithMinimum(values) : encodeNumbers(values, type);
}

/** Q5_1: 32 steps from a block's least number to its largest. */
function blocksWithMinimum(values: Float32Array): Uint8Array {
  const bytes = 24;
  const out = new DataView(new ArrayBuffer((values.length / 32) * bytes));
  for (let block = 0; block * 32 < values.length; block++) {
    const numbers = values.subarray(block * 32, block * 32 + 32);
    const least = Math.min(...numbers);
    const scale = (Math.max(...numbers) - least) / 31;
    const steps = Array.from(numbers, (number) => (scale === 0 ? 0 : Math.round((number - least) / scale)));
    const at = block * bytes;
    out.setFloat16(at, scale, true);
    out.setFloat16(at + 2, least, true);
    out.setUint32(
      at + 4,
      steps.reduce((bits, step, i) => (bits | ((step >> 4) << i)) >>> 0, 0),
      true,
    );
    for (let i = 0; i < 16; i++) out.setUint8(at + 8 + i, (steps[i]! & 15) | ((steps[16 + i]! & 15) << 4));
  }
  return new Uint8Array(out.buffer);
}
