import { type BlockType, blockBytes, blockLength } from "./quantize.ts";

/** A value of the metadata, with the type that the reader expects. */
export type GgufValue =
  | { readonly type: "uint32"; readonly value: number }
  | { readonly type: "float32"; readonly value: number }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "strings"; readonly value: readonly string[] };

/** A tensor of the file. */
export interface GgufTensor {
  readonly name: string;
  /** Row-major, as in a checkpoint. */
  readonly shape: readonly number[];
  readonly type: "F32" | BlockType;
}

/** Tensors begin at multiples of this many bytes. */
const alignment = 32;

const version = 3;
const valueTypes = { uint32: 4, float32: 6, string: 8, strings: 9 } as const;
const tensorTypes = { F32: 0, Q4_0: 2, Q8_0: 8 } as const;

/**
 * All of a GGUF file but the tensors' data, which follows in the same order, each padded to {@link alignment}.
 *
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export function encodeGgufHeader(
  metadata: Readonly<Record<string, GgufValue>>,
  tensors: readonly GgufTensor[],
): Uint8Array<ArrayBuffer> {
  const out = new ByteWriter();
  out.bytes(new TextEncoder().encode("GGUF"));
  out.uint32(version);
  out.uint64(tensors.length);
  out.uint64(Object.keys(metadata).length);
  for (const [key, value] of Object.entries(metadata)) {
    out.string(key);
    out.uint32(valueTypes[value.type]);
    writeValue(out, value);
  }
  let offset = 0;
  for (const tensor of tensors) {
    out.string(tensor.name);
    out.uint32(tensor.shape.length);
    for (const size of tensor.shape.toReversed()) out.uint64(size); // the fastest dimension comes first
    out.uint32(tensorTypes[tensor.type]);
    out.uint64(offset);
    offset += aligned(tensorBytes(tensor));
  }
  return out.finish();
}

function writeValue(out: ByteWriter, item: GgufValue): void {
  if (item.type === "uint32") out.uint32(item.value);
  else if (item.type === "float32") out.float32(item.value);
  else if (item.type === "string") out.string(item.value);
  else {
    out.uint32(valueTypes.string);
    out.uint64(item.value.length);
    for (const text of item.value) out.string(text);
  }
}

/** @returns how many bytes the tensor's data has, without padding */
export function tensorBytes({ shape, type }: GgufTensor): number {
  const length = shape.reduce((product, size) => product * size, 1);
  return type === "F32" ? length * 4 : (length / blockLength) * blockBytes[type];
}

export function aligned(bytes: number): number {
  return Math.ceil(bytes / alignment) * alignment;
}

/** Little-endian numbers, one after the other. */
class ByteWriter {
  readonly #parts: Uint8Array[] = [];
  #length = 0;

  bytes(bytes: Uint8Array): void {
    this.#parts.push(bytes);
    this.#length += bytes.length;
  }

  uint32(value: number): void {
    this.bytes(new Uint8Array(new Uint32Array([value]).buffer));
  }

  float32(value: number): void {
    this.bytes(new Uint8Array(new Float32Array([value]).buffer));
  }

  uint64(value: number): void {
    this.bytes(new Uint8Array(new BigUint64Array([BigInt(value)]).buffer));
  }

  string(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.uint64(bytes.length);
    this.bytes(bytes);
  }

  /** @returns all that was written, padded to {@link alignment} */
  finish(): Uint8Array<ArrayBuffer> {
    const out = new Uint8Array(aligned(this.#length));
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }
}
