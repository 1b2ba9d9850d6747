/*
 * Blocks of 32 numbers with one scale, which is a float16. The formulas are ggml's, so that a checkpoint quantised here and one quantised
 * by llama.cpp have the same weights.
 *
 * @see ggml `ggml-quants.c`: quantize_row_q4_0_ref, quantize_row_q8_0_ref
 */

/** Numbers in a block. */
const quantisedBlock = 32;

/** @see quantiseQ4, quantiseQ8 */
export type Quantise = (values: Float32Array, start: number, integers: Int8Array, to: number) => number;

const rounded = new Float16Array(1);
const roundedBits = new Uint16Array(rounded.buffer);

/**
 * Q4_0: the number of largest magnitude becomes -8; integers are from -8 to 7.
 *
 * @param values - a block from `start` on
 * @param integers - receives the block from `to` on
 * @returns the bits of the scale, a float16
 */
export function quantiseQ4(values: Float32Array, start: number, integers: Int8Array, to: number): number {
  let largest = 0;
  let extreme = 0;
  for (let i = start; i < start + quantisedBlock; i++) {
    const magnitude = Math.abs(values[i]!);
    if (magnitude > largest) {
      largest = magnitude;
      extreme = values[i]!;
    }
  }
  const scale = Math.fround(extreme / -8);
  const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
  for (let i = 0; i < quantisedBlock; i++) {
    const scaled = Math.fround(Math.fround(values[start + i]! * inverse) + 8.5);
    const integer = scaled < 15 ? scaled | 0 : 15; // truncated, as ggml does
    integers[to + i] = integer - 8;
  }
  rounded[0] = scale;
  return roundedBits[0]!;
}

/** Q8_0: the largest magnitude becomes 127; halves are rounded away from zero. @returns the bits of the scale, a float16 */
export function quantiseQ8(values: Float32Array, start: number, integers: Int8Array, to: number): number {
  let largest = 0;
  for (let i = start; i < start + quantisedBlock; i++) {
    const magnitude = Math.abs(values[i]!);
    if (magnitude > largest) largest = magnitude;
  }
  const scale = Math.fround(largest / 127);
  const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
  for (let i = 0; i < quantisedBlock; i++) {
    const scaled = Math.fround(values[start + i]! * inverse);
    // C's roundf. float32 has a number just below 0.5 that + 0.5 would round up, so this adds in float64.
    integers[to + i] = scaled < 0 ? -((0.5 - scaled) | 0) : (scaled + 0.5) | 0;
  }
  rounded[0] = scale;
  return roundedBits[0]!;
}

/** @returns the values after quantising and widening again; a last block that is not whole counts as completed by zeros */
export function dequantised(values: Float32Array, columns: number, quantise: Quantise): Float32Array<ArrayBuffer> {
  const out = new Float32Array(values.length);
  const block = new Float32Array(quantisedBlock);
  const integers = new Int8Array(quantisedBlock);
  for (let row = 0; row < values.length; row += columns) {
    for (let start = 0; start < columns; start += quantisedBlock) {
      const count = Math.min(quantisedBlock, columns - start);
      block.fill(0);
      block.set(values.subarray(row + start, row + start + count));
      roundedBits[0] = quantise(block, 0, integers, 0);
      const scale = rounded[0]!;
      for (let i = 0; i < count; i++) out[row + start + i] = scale * integers[i]!;
    }
  }
  return out;
}
