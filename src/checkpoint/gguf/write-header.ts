import { SkeinError } from "../../errors.ts";
import { type NumberType, numberTypesByName } from "./number-types.ts";

/** A value of the metadata, with the type that the reader expects. */
export type TypedValue =
  | { readonly type: "uint32"; readonly value: number }
  | { readonly type: "float32"; readonly value: number }
  | { readonly type: "bool"; readonly value: boolean }
  | { readonly type: "string"; readonly value: string }
  | { readonly type: "strings"; readonly value: readonly string[] }
  | { readonly type: "int32s"; readonly value: readonly number[] }
  | { readonly type: "float32s"; readonly value: readonly number[] };

/** A tensor of the file. */
export interface WrittenTensor {
  readonly name: string;
  /** Row-major, as in a checkpoint. */
  readonly shape: readonly number[];
  /** The type's name: `F32`, `Q4_0`. */
  readonly type: string;
}

/** Tensors begin at multiples of this many bytes. */
const alignment = 32;

const version = 3;
const valueTypes = { uint32: 4, int32: 5, float32: 6, bool: 7, string: 8, strings: 9, int32s: 9, float32s: 9 } as const;

/**
 * All of a GGUF file but the tensors' data, which follows in the same order, each padded to {@link alignment}.
 *
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export function encodeGgufHeader(
  metadata: Readonly<Record<string, TypedValue>>,
  tensors: readonly WrittenTensor[],
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
    out.uint32(typeOf(tensor).id);
    out.uint64(offset);
    offset += aligned(tensorBytes(tensor));
  }
  return out.finish();
}

function writeValue(out: ByteWriter, item: TypedValue): void {
  switch (item.type) {
    case "uint32":
      out.uint32(item.value);
      break;
    case "float32":
      out.float32(item.value);
      break;
    case "bool":
      out.bytes(Uint8Array.of(item.value ? 1 : 0));
      break;
    case "string":
      out.string(item.value);
      break;
    case "strings":
      out.uint32(valueTypes.string);
      out.uint64(item.value.length);
      for (const text of item.value) out.string(text);
      break;
    case "int32s":
      out.uint32(valueTypes.int32);
      out.uint64(item.value.length);
      out.bytes(new Uint8Array(Int32Array.from(item.value).buffer));
      break;
    case "float32s":
      out.uint32(valueTypes.float32);
      out.uint64(item.value.length);
      out.bytes(new Uint8Array(Float32Array.from(item.value).buffer));
  }
}

/** @returns how many bytes the tensor's data has, without padding */
export function tensorBytes(tensor: WrittenTensor): number {
  const { numbers, bytes } = typeOf(tensor);
  return (tensor.shape.reduce((product, size) => product * size, 1) / numbers) * bytes;
}

function typeOf({ name, type }: WrittenTensor): NumberType {
  const known = numberTypesByName.get(type);
  if (!known) throw new SkeinError("internal", `${name} cannot be written as ${type}`);
  return known;
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
