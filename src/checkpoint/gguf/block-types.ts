import { dequantiseIq4Xs, integersOfIq4Nl } from "./blocks-iq4.ts";
import { dequantiseQ2K, dequantiseQ3K, dequantiseQ4K, dequantiseQ5K, dequantiseQ6K } from "./blocks-k.ts";
import {
  dequantiseQ4WithMinimum,
  dequantiseQ5WithMinimum,
  integersOfQ4,
  integersOfQ5,
  integersOfQ8,
} from "./blocks-legacy.ts";

/** How a GGUF file keeps numbers: blocks of so many, in so many bytes. */
export interface BlockType {
  readonly name: string;
  readonly numbers: number;
  readonly bytes: number;
  /**
   * Turns one block into numbers.
   * @param at - where it begins in the view
   * @param out - receives the numbers from `to` on
   */
  readonly dequantise: (blocks: DataView, at: number, out: Float32Array, to: number) => void;
  /** Of types that are a float16, the first two bytes, times integers: how many bits these have, and the integers. */
  readonly scaled?: Scaled;
  /** Of super-blocks that are kept as they are: as what. */
  readonly kept?: "q4_k" | "q6_k";
}

interface Scaled {
  readonly type: "q4" | "q8";
  readonly integers: (blocks: DataView, at: number, out: Int8Array, to: number) => void;
}

/** A type that is a scale times integers. */
function scaledType(name: string, bytes: number, scaled: Scaled): BlockType {
  const numbers = 32;
  const buffer = new Int8Array(numbers);
  const dequantise = (blocks: DataView, at: number, out: Float32Array, to: number): void => {
    scaled.integers(blocks, at, buffer, 0);
    const scale = blocks.getFloat16(at, true);
    for (let i = 0; i < numbers; i++) out[to + i] = buffer[i]! * scale;
  };
  return { name, numbers, bytes, dequantise, scaled };
}

/**
 * The types of quantised tensors by their numbers in the file. Every product of a scale and an integer is exact in float32, so that what comes out is what
 * llama.cpp computes with.
 *
 * @see ggml `ggml-common.h` (layouts), `ggml-quants.c`: dequantize_row_*
 */
export const blockTypes: ReadonlyMap<number, BlockType> = new Map([
  [2, scaledType("Q4_0", 18, { type: "q4", integers: integersOfQ4 })],
  [3, { name: "Q4_1", numbers: 32, bytes: 20, dequantise: dequantiseQ4WithMinimum }],
  [6, scaledType("Q5_0", 22, { type: "q8", integers: integersOfQ5 })],
  [7, { name: "Q5_1", numbers: 32, bytes: 24, dequantise: dequantiseQ5WithMinimum }],
  [8, scaledType("Q8_0", 34, { type: "q8", integers: integersOfQ8 })],
  [10, { name: "Q2_K", numbers: 256, bytes: 84, dequantise: dequantiseQ2K }],
  [11, { name: "Q3_K", numbers: 256, bytes: 110, dequantise: dequantiseQ3K }],
  [12, { name: "Q4_K", numbers: 256, bytes: 144, dequantise: dequantiseQ4K, kept: "q4_k" }],
  [13, { name: "Q5_K", numbers: 256, bytes: 176, dequantise: dequantiseQ5K }],
  [14, { name: "Q6_K", numbers: 256, bytes: 210, dequantise: dequantiseQ6K, kept: "q6_k" }],
  [20, scaledType("IQ4_NL", 18, { type: "q8", integers: integersOfIq4Nl })],
  [23, { name: "IQ4_XS", numbers: 256, bytes: 136, dequantise: dequantiseIq4Xs }],
]);
