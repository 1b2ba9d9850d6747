import type { TensorEntry } from "../checkpoint/safetensors.ts";
import type { TensorIndex } from "../checkpoint/tensors.ts";
import { UnsupportedError } from "../errors.ts";
import { type AdapterModule, readMatrix } from "../model/adapter/open-adapter.ts";

/** Multiplications between two looks at the signal: a tenth of a second. */
const pieceWork = 5e7;
const mostNumbers = 4 * 2 ** 20;

/**
 * W + scale · B · A, computed in float32 and rounded to W's own type, to the nearest, halves to even.
 *
 * @param adapter - the adapter's tensors
 * @returns the bytes, piece by piece
 * @throws UnsupportedError when a sum is not finite in that type
 */
export async function* mergeTensor(
  base: TensorIndex,
  { name, dtype }: TensorEntry,
  adapter: TensorIndex,
  { rank, scale, inputs, outputs, down, up }: AdapterModule,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const a = await readMatrix(adapter, down); // [rank, inputs]
  const b = await readMatrix(adapter, up); // [outputs, rank]
  const rows = Math.max(1, Math.floor(Math.min(pieceWork / (rank * inputs), mostNumbers / inputs)));
  for (let first = 0; first < outputs; first += rows) {
    signal.throwIfAborted();
    const end = Math.min(outputs, first + rows);
    const numbers = await base.readFloat32(name, first * inputs, end * inputs); // [rows, inputs]
    const change = new Float32Array(inputs);
    for (let row = first; row < end; row++) {
      change.fill(0);
      for (let k = 0; k < rank; k++) {
        const factor = scale * b[row * rank + k]!;
        const from = k * inputs;
        for (let i = 0; i < inputs; i++) change[i]! += factor * a[from + i]!;
      }
      const to = (row - first) * inputs;
      for (let i = 0; i < inputs; i++) numbers[to + i]! += change[i]!;
    }
    yield narrow(numbers, dtype, name);
  }
}

function narrow(numbers: Float32Array<ArrayBuffer>, dtype: string, name: string): Uint8Array {
  const { buffer, byteOffset, byteLength, length } = numbers;
  const narrowed = dtype === "F16" ? new Float16Array(numbers) : numbers;
  if (!narrowed.every(Number.isFinite))
    throw new UnsupportedError(
      `${name}: a merged weight is not finite, or too large for ${dtype}; load the adapter beside its base`,
    );
  if (dtype !== "BF16") return new Uint8Array(narrowed.buffer, narrowed.byteOffset, narrowed.byteLength);
  const bits = new Uint32Array(buffer, byteOffset, byteLength / 4);
  const halves = new Uint16Array(length);
  for (let i = 0; i < length; i++) {
    const word = bits[i]!;
    halves[i] = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return new Uint8Array(halves.buffer);
}
