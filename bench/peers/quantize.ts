import { type Quantise, quantiseQ4, quantiseQ8 } from "../../src/checkpoint/quantise.ts";

export type BlockType = "Q4_0" | "Q8_0";

/** Numbers in a block: they share one scale. */
const blockLength = 32;

/** Bytes of a block: the scale as float16, then the numbers. */
const blockBytes: Readonly<Record<BlockType, number>> = { Q4_0: 2 + blockLength / 2, Q8_0: 2 + blockLength };

/**
 * @param values - a multiple of 32 numbers
 * @returns blocks of 18 bytes: the scale as float16, then 16 bytes that hold the first 16 numbers in their low halves and the last 16 in their high
 * ones, each more by 8
 * @see llama.cpp `ggml/src/ggml-quants.c`, `quantize_row_q4_0_ref`
 */
export function quantizeQ4(values: Float32Array): Uint8Array<ArrayBuffer> {
  return quantizeBlocks(values, "Q4_0", quantiseQ4, (integers, out, to) => {
    const half = blockLength / 2;
    for (let i = 0; i < half; i++) out[to + i] = (integers[i]! + 8) | ((integers[half + i]! + 8) << 4);
  });
}

/**
 * @param values - a multiple of 32 numbers
 * @returns blocks of 34 bytes: the scale as float16, then 32 signed bytes
 * @see llama.cpp `ggml/src/ggml-quants.c`, `quantize_row_q8_0_ref`
 */
export function quantizeQ8(values: Float32Array): Uint8Array<ArrayBuffer> {
  return quantizeBlocks(values, "Q8_0", quantiseQ8, (integers, out, to) =>
    out.set(new Uint8Array(integers.buffer), to),
  );
}

/** @param store - stores a block's integers in `out`, from `to` on */
function quantizeBlocks(
  values: Float32Array,
  type: BlockType,
  quantise: Quantise,
  store: (integers: Int8Array, out: Uint8Array, to: number) => void,
): Uint8Array<ArrayBuffer> {
  const blocks = values.length / blockLength;
  const out = new Uint8Array(blocks * blockBytes[type]);
  const view = new DataView(out.buffer);
  const integers = new Int8Array(blockLength);
  for (let block = 0; block < blocks; block++) {
    const to = block * blockBytes[type];
    view.setUint16(to, quantise(values, block * blockLength, integers, 0), true);
    store(integers, out, to + 2);
  }
  return out;
}
