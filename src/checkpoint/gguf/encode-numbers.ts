import { type Quantise, quantiseQ4, quantiseQ8 } from "../quantise.ts";

/** A type of numbers that is written. */
export type WrittenType = "F32" | "F16" | "Q8_0" | "Q4_0";

/** Numbers in a block: they share one scale. */
export const blockLength = 32;

/** Bytes of a block: the scale as float16, then the numbers. */
const blockBytes = { Q4_0: 2 + blockLength / 2, Q8_0: 2 + blockLength } as const;

/** From here on a number is rounded to infinity as a float16. */
const float16Limit = 65520;

/** Numbers of this magnitude, or more, cannot be written: they, or their block's scale, would be infinite. */
export const magnitudeLimits: Readonly<Record<WrittenType, number>> = {
  F32: Infinity,
  F16: float16Limit,
  Q8_0: float16Limit * 127,
  Q4_0: float16Limit * 8,
};

/**
 * Numbers as a GGUF file has them: rounded to the nearest float16 (to the even one of two), or in blocks.
 *
 * @param values - whole blocks of 32, where the type has blocks
 */
export function encodeNumbers(values: Float32Array<ArrayBuffer>, type: WrittenType): Uint8Array<ArrayBuffer> {
  switch (type) {
    case "F32":
      return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
    case "F16":
      return new Uint8Array(new Float16Array(values).buffer);
    case "Q8_0":
      return quantizeQ8(values);
    case "Q4_0":
      return quantizeQ4(values);
  }
}

/**
 * Blocks of 18 bytes: the scale as float16, then 16 bytes that hold the first 16 numbers in their low halves and the last 16 in their high ones, each
 * more by 8.
 *
 * @see llama.cpp `ggml/src/ggml-quants.c`, `quantize_row_q4_0_ref`
 */
function quantizeQ4(values: Float32Array): Uint8Array<ArrayBuffer> {
  return quantizeBlocks(values, blockBytes.Q4_0, quantiseQ4, (integers, out, to) => {
    const half = blockLength / 2;
    for (let i = 0; i < half; i++) out[to + i] = (integers[i]! + 8) | ((integers[half + i]! + 8) << 4);
  });
}

/**
 * Blocks of 34 bytes: the scale as float16, then 32 signed bytes.
 *
 * @see llama.cpp `ggml/src/ggml-quants.c`, `quantize_row_q8_0_ref`
 */
function quantizeQ8(values: Float32Array): Uint8Array<ArrayBuffer> {
  return quantizeBlocks(values, blockBytes.Q8_0, quantiseQ8, (integers, out, to) => {
    for (let i = 0; i < blockLength; i++) out[to + i] = integers[i]!;
  });
}

/** @param store - stores a block's integers in `out`, from `to` on */
function quantizeBlocks(
  values: Float32Array,
  bytes: number,
  quantise: Quantise,
  store: (integers: Int8Array, out: Uint8Array, to: number) => void,
): Uint8Array<ArrayBuffer> {
  const blocks = values.length / blockLength;
  const out = new Uint8Array(blocks * bytes);
  const view = new DataView(out.buffer);
  const integers = new Int8Array(blockLength);
  for (let block = 0; block < blocks; block++) {
    const to = block * bytes;
    view.setUint16(to, quantise(values, block * blockLength, integers, 0), true);
    store(integers, out, to + 2);
  }
  return out;
}
