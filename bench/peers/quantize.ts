export type BlockType = "Q4_0" | "Q8_0";

/** Numbers in a block: they share one scale. */
export const blockLength = 32;

/** Bytes of a block: the scale as float16, then the numbers. */
export const blockBytes: Readonly<Record<BlockType, number>> = { Q4_0: 2 + blockLength / 2, Q8_0: 2 + blockLength };

const fround = Math.fround;

/**
 * Quantises to 4 bits with a scale for every 32 numbers: q = ⌊x/d + 8.5⌋, at most 15, where d is the number of largest magnitude divided by -8. Bytes as
 * llama.cpp writes them; all arithmetic in float32, as there.
 *
 * @param values - a multiple of 32 numbers
 * @returns blocks of 18 bytes: d as float16, then 16 bytes that hold the first 16 numbers in their low halves and the last 16 in their high ones
 * @see llama.cpp `ggml/src/ggml-quants.c`, `quantize_row_q4_0_ref`
 */
export function quantizeQ4(values: Float32Array): Uint8Array<ArrayBuffer> {
  const blocks = values.length / blockLength;
  const out = new Uint8Array(blocks * blockBytes.Q4_0);
  const half = blockLength / 2;
  for (let block = 0, at = 0, to = 0; block < blocks; block++, at += blockLength) {
    let largest = 0;
    let extreme = 0;
    for (let i = 0; i < blockLength; i++) {
      const value = values[at + i]!;
      const magnitude = Math.abs(value);
      if (magnitude > largest) {
        largest = magnitude;
        extreme = value;
      }
    }
    const scale = fround(extreme / -8);
    const inverse = scale === 0 ? 0 : fround(1 / scale);
    to = writeScale(out, to, scale);
    for (let i = 0; i < half; i++)
      out[to++] = toNibble(values[at + i]!, inverse) | (toNibble(values[at + half + i]!, inverse) << 4);
  }
  return out;
}

/**
 * Quantises to 8 bits with a scale for every 32 numbers: q = x/d rounded half away from zero, where d is the largest magnitude divided by 127.
 *
 * @param values - a multiple of 32 numbers
 * @returns blocks of 34 bytes: d as float16, then 32 signed bytes
 * @see llama.cpp `ggml/src/ggml-quants.c`, `quantize_row_q8_0_ref`
 */
export function quantizeQ8(values: Float32Array): Uint8Array<ArrayBuffer> {
  const blocks = values.length / blockLength;
  const out = new Uint8Array(blocks * blockBytes.Q8_0);
  for (let block = 0, at = 0, to = 0; block < blocks; block++, at += blockLength) {
    let largest = 0;
    for (let i = 0; i < blockLength; i++) largest = Math.max(largest, Math.abs(values[at + i]!));
    const scale = fround(largest / 127);
    const inverse = scale === 0 ? 0 : fround(1 / scale);
    to = writeScale(out, to, scale);
    for (let i = 0; i < blockLength; i++) {
      const scaled = fround(values[at + i]! * inverse);
      // Not Math.round, which rounds -2.5 up; the sum is exact, because a float64 holds it.
      out[to++] = scaled < 0 ? -Math.floor(0.5 - scaled) : Math.floor(scaled + 0.5);
    }
  }
  return out;
}

function toNibble(value: number, inverse: number): number {
  return Math.min(15, Math.trunc(fround(fround(value * inverse) + 8.5)));
}

const float16 = new Float16Array(1);
const float16Bytes = new Uint8Array(float16.buffer);

/** @returns the place after the scale */
function writeScale(out: Uint8Array, to: number, scale: number): number {
  float16[0] = scale;
  out[to] = float16Bytes[0]!;
  out[to + 1] = float16Bytes[1]!;
  return to + 2;
}
