import { dequantiseIq4Nl, dequantiseIq4Xs } from "./blocks-iq4.ts";
import { dequantiseQ2K, dequantiseQ3K, dequantiseQ4K, dequantiseQ5K, dequantiseQ6K } from "./blocks-k.ts";
import { dequantiseQ4, dequantiseQ5, dequantiseQ8 } from "./blocks-legacy.ts";

/** Turns one block into numbers. */
export type Dequantise = (block: DataView, out: Float32Array) => void;

/** How a GGUF file keeps numbers: blocks of so many, in so many bytes. */
export interface BlockType {
  readonly name: string;
  readonly numbers: number;
  readonly bytes: number;
  /**
   * @param block - a view of `bytes` bytes
   * @param out - receives the block: a view of `numbers` numbers
   */
  readonly dequantise: Dequantise;
}

/**
 * The types of quantised tensors by their numbers in the file. Every product of a scale and an integer is exact in float32, so that what comes out is what
 * llama.cpp computes with.
 *
 * @see ggml `ggml-common.h` (layouts), `ggml-quants.c`: dequantize_row_*
 */
export const blockTypes: ReadonlyMap<number, BlockType> = new Map([
  [2, { name: "Q4_0", numbers: 32, bytes: 18, dequantise: dequantiseQ4(false) }],
  [3, { name: "Q4_1", numbers: 32, bytes: 20, dequantise: dequantiseQ4(true) }],
  [6, { name: "Q5_0", numbers: 32, bytes: 22, dequantise: dequantiseQ5(false) }],
  [7, { name: "Q5_1", numbers: 32, bytes: 24, dequantise: dequantiseQ5(true) }],
  [8, { name: "Q8_0", numbers: 32, bytes: 34, dequantise: dequantiseQ8 }],
  [10, { name: "Q2_K", numbers: 256, bytes: 84, dequantise: dequantiseQ2K }],
  [11, { name: "Q3_K", numbers: 256, bytes: 110, dequantise: dequantiseQ3K }],
  [12, { name: "Q4_K", numbers: 256, bytes: 144, dequantise: dequantiseQ4K }],
  [13, { name: "Q5_K", numbers: 256, bytes: 176, dequantise: dequantiseQ5K }],
  [14, { name: "Q6_K", numbers: 256, bytes: 210, dequantise: dequantiseQ6K }],
  [20, { name: "IQ4_NL", numbers: 32, bytes: 18, dequantise: dequantiseIq4Nl }],
  [23, { name: "IQ4_XS", numbers: 256, bytes: 136, dequantise: dequantiseIq4Xs }],
]);
