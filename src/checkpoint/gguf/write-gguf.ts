import { UnsupportedError } from "../../errors.ts";
import { quoteName } from "../errors.ts";
import { type CheckpointFiles, readPieces } from "../files.ts";
import type { TensorIndex } from "../tensors.ts";
import { encodeNumbers, magnitudeLimits, type WrittenType } from "./encode-numbers.ts";
import { aligned, encodeGgufHeader, type TypedValue, tensorBytes, type WrittenTensor } from "./write-header.ts";

/** A tensor to be written, and where its numbers are. */
export interface PlannedTensor extends WrittenTensor {
  /** Its name in the checkpoint. */
  readonly source: string;
  readonly type: WrittenType;
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
    const entry = index.entry(tensor.source)!;
    if (entry.dtype === tensor.type) yield* readPieces(files, entry.file, { ...entry, pieceBytes });
    else yield* encodedPieces(index, tensor);
    const padding = aligned(tensorBytes(tensor)) - tensorBytes(tensor);
    if (padding > 0) yield new Uint8Array(padding);
  }
}

async function* encodedPieces(
  index: TensorIndex,
  { source, shape, type }: PlannedTensor,
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  const count = shape.reduce((product, size) => product * size, 1);
  const read = (from: number): Promise<Float32Array<ArrayBuffer>> =>
    index.readFloat32(source, from, Math.min(count, from + pieceNumbers));
  let next = read(0);
  for (let from = 0; from < count; from += pieceNumbers) {
    const values = await next;
    const isLast = from + pieceNumbers >= count;
    if (!isLast) {
      next = read(from + pieceNumbers); // while these are encoded and written
      next.catch(() => {}); // it is awaited, unless nobody wants the next piece
    }
    checkMagnitudes(values, source, type);
    yield encodeNumbers(values, type);
  }
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
