import { UnsupportedError } from "../../errors.ts";
import { quoteName } from "../errors.ts";
import { type CheckpointFiles, readPieces } from "../files.ts";
import type { TensorIndex } from "../tensors.ts";
import { encodeNumbers, magnitudeLimits, type WrittenType } from "./encode-numbers.ts";
import { permuteHeadRows } from "./write-head-rows.ts";
import { aligned, encodeGgufHeader, type TypedValue, tensorBytes, type WrittenTensor } from "./write-header.ts";

/** A tensor to be written, and where its numbers are. */
export interface PlannedTensor extends WrittenTensor {
  /** Its name in the checkpoint; or its numbers, where it is none of the checkpoint's and its type is F32. */
  readonly source: string | Float32Array<ArrayBuffer>;
  readonly type: WrittenType;
  /** Of queries and keys whose rows llama.cpp has in another order: rows of a head. */
  readonly headRows?: number;
}

/** A GGUF file before it is written. */
export interface GgufPlan {
  readonly header: Uint8Array<ArrayBuffer>;
  readonly tensors: readonly PlannedTensor[];
  /** Of the whole file. */
  readonly bytes: number;
}

/** Numbers that are read, encoded and written at a time: whole blocks. */
const pieceNumbers = 2 ** 22;
/** Bytes that are copied at a time. */
const pieceBytes = 2 * pieceNumbers;

export function planGguf(metadata: Readonly<Record<string, TypedValue>>, tensors: readonly PlannedTensor[]): GgufPlan {
  const header = encodeGgufHeader(metadata, tensors);
  const bytes = tensors.reduce((sum, tensor) => sum + aligned(tensorBytes(tensor)), header.length);
  return { header, tensors, bytes };
}

/**
 * The bytes of a GGUF file, piece by piece, in order: never more than some ten megabytes at a time, whatever the checkpoint's size. Tensors that have their type
 * already are copied.
 *
 * @throws UnsupportedError for numbers that are not finite, or that the type cannot hold; CheckpointError when the checkpoint cannot be read
 */
export async function* ggufPieces(
  plan: GgufPlan,
  files: CheckpointFiles,
  index: TensorIndex,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  yield plan.header;
  for (const tensor of plan.tensors) {
    yield* tensorPieces(tensor, files, index);
    const padding = aligned(tensorBytes(tensor)) - tensorBytes(tensor);
    if (padding > 0) yield new Uint8Array(padding);
  }
}

async function* tensorPieces(
  tensor: PlannedTensor,
  files: CheckpointFiles,
  index: TensorIndex,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const { source, shape, type, headRows } = tensor;
  if (typeof source !== "string") return yield encodeNumbers(source, type);
  const entry = index.entry(source)!;
  if (entry.dtype !== type) return yield* encodedPieces(index, tensor, source);
  // A GGUF file's own bytes have llama.cpp's order already.
  if (headRows === undefined || files.tensors) return yield* readPieces(files, entry.file, { ...entry, pieceBytes });
  const rowBytes = (entry.end - entry.start) / shape[0]!;
  const wholeHeads = wholePieces(pieceBytes, headRows * rowBytes);
  for await (const piece of readPieces(files, entry.file, { ...entry, pieceBytes: wholeHeads }))
    yield permuteHeadRows(piece, headRows, rowBytes);
}

/** @returns the largest multiple of `part` that is at most `size`; `part` itself where that is larger */
function wholePieces(size: number, part: number): number {
  return Math.max(1, Math.floor(size / part)) * part;
}

async function* encodedPieces(
  index: TensorIndex,
  { shape, type, headRows }: PlannedTensor,
  source: string,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const count = shape.reduce((product, size) => product * size, 1);
  const columns = count / shape[0]!;
  const step = headRows === undefined ? pieceNumbers : wholePieces(pieceNumbers, headRows * columns);
  const read = (from: number): Promise<Float32Array<ArrayBuffer>> =>
    index.readFloat32(source, from, Math.min(count, from + step));
  let next = read(0);
  for (let from = 0; from < count; from += step) {
    const values = await next;
    const isLast = from + step >= count;
    if (!isLast) {
      next = read(from + step); // while these are encoded and written
      next.catch(() => {}); // it is awaited, unless nobody wants the next piece
    }
    checkMagnitudes(values, source, type);
    yield encodeNumbers(headRows === undefined ? values : permuteNumbers(values, headRows, columns), type);
  }
}

function permuteNumbers(values: Float32Array, headRows: number, columns: number): Float32Array<ArrayBuffer> {
  const bytes = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  return new Float32Array(permuteHeadRows(bytes, headRows, 4 * columns).buffer);
}

function checkMagnitudes(values: Float32Array, source: string, type: WrittenType): void {
  const limit = magnitudeLimits[type];
  for (let i = 0; i < values.length; i++) {
    if (Math.abs(values[i]!) < limit) continue; // not so for NaN
    const advice = Number.isFinite(values[i]) ? "which that type cannot hold" : "so that the weights are damaged";
    throw new UnsupportedError(
      `${quoteName(source)} cannot be written as ${type}: it has the number ${values[i]}, ${advice}`,
    );
  }
}
