import { type Quantise, quantiseQ4, quantiseQ8 } from "../../checkpoint/quantise.ts";
import type { MatrixType, WeightBlocks, WeightType } from "../backend.ts";
import { q4BlockBytes, q4WeightsOffset } from "./kernels/linear-q4.ts";
import { q8BlockBytes, q8WeightsOffset } from "./kernels/linear-q8.ts";
import { blockInputs, blocksInSuperBlock, groupOutputs } from "./layout.ts";
import { packedSuperBlockBytes } from "./pack-super-blocks.ts";

/**
 * Bytes of one block of 32 inputs of a group of 16 outputs; what is in them is drawn in the kernels `linear-*`. Of super-blocks, of which rows have whole
 * ones: an eighth.
 */
export const packedBlockBytes: Readonly<Record<MatrixType, number>> = {
  f32: blockInputs * groupOutputs * 4,
  f16: blockInputs * groupOutputs * 2,
  bf16: blockInputs * groupOutputs * 2,
  q8: q8BlockBytes,
  q4: q4BlockBytes,
  q4_k: packedSuperBlockBytes.q4_k / blocksInSuperBlock,
  q6_k: packedSuperBlockBytes.q6_k / blocksInSuperBlock,
};

/** The largest magnitudes that types hold; in 8 and 4 bits it is the scale, a float16, that ends. */
const largest: Readonly<Record<WeightType, number>> = {
  f32: Number.MAX_VALUE,
  f16: 65504,
  bf16: (2 - 2 ** -7) * 2 ** 127,
  q8: 65504 * 127,
  q4: 65504 * 8,
};

/**
 * Packs a group of 16 rows of a matrix.
 *
 * @param values - [16][blocks · 32], completed by zeros
 * @param target - receives [blocks] packed blocks; must begin at an even address
 * @returns false where the type cannot hold the numbers: one is not finite, or too large
 */
export function packGroup(type: WeightType, values: Float32Array, blocks: number, target: Uint8Array): boolean {
  if (!fits(values, type)) return false;
  const quantised =
    (quantise: Quantise): TakeBlock =>
    (output, block) =>
      quantise(values, (output * blocks + block) * blockInputs, integers, 0);
  switch (type) {
    case "q4":
      packQ4(quantised(quantiseQ4), blocks, target);
      break;
    case "q8":
      packQ8(quantised(quantiseQ8), blocks, target);
      break;
    default:
      packFloat(type, values, blocks, target);
  }
  return true;
}

/**
 * Packs a group of 16 rows that is in blocks already.
 *
 * @param given - [16][blocks] scales and [16][blocks · 32] integers, completed by zeros
 * @returns false where a scale is not finite
 */
export function packBlocks(
  type: "q4" | "q8",
  { scales, integers: given }: WeightBlocks,
  blocks: number,
  target: Uint8Array,
): boolean {
  if (scales.some((bits) => (bits & infinity) === infinity)) return false;
  const take: TakeBlock = (output, block) => {
    const index = output * blocks + block;
    integers.set(given.subarray(index * blockInputs, (index + 1) * blockInputs));
    return scales[index]!;
  };
  (type === "q4" ? packQ4 : packQ8)(take, blocks, target);
  return true;
}

/** The exponent of a float16 that is infinite or no number. */
const infinity = 0x7c00;

/** Puts a block of a row into {@link integers}. @returns the bits of its scale */
type TakeBlock = (output: number, block: number) => number;

function fits(values: Float32Array, type: WeightType): boolean {
  const limit = largest[type];
  for (let i = 0; i < values.length; i++) if (!(Math.abs(values[i]!) <= limit)) return false;
  return true;
}

const integers = new Int8Array(blockInputs);

function packQ4(take: TakeBlock, blocks: number, target: Uint8Array): void {
  const halves = new Uint16Array(target.buffer, target.byteOffset, target.byteLength / 2);
  for (let output = 0; output < groupOutputs; output++) {
    for (let block = 0; block < blocks; block++) {
      const start = block * packedBlockBytes.q4;
      halves[start / 2 + output] = take(output, block);
      for (let chunk = 0; chunk < 4; chunk++) {
        const to = start + q4WeightsOffset + chunk * 64 + output * 4;
        const from = chunk * 8;
        for (let i = 0; i < 4; i++) target[to + i] = (integers[from + i]! + 8) | ((integers[from + 4 + i]! + 8) << 4);
      }
    }
  }
}

function packQ8(take: TakeBlock, blocks: number, target: Uint8Array): void {
  const halves = new Uint16Array(target.buffer, target.byteOffset, target.byteLength / 2);
  for (let output = 0; output < groupOutputs; output++) {
    for (let block = 0; block < blocks; block++) {
      const start = block * packedBlockBytes.q8;
      halves[start / 2 + output] = take(output, block);
      let sum = 0;
      for (let i = 0; i < blockInputs; i++) {
        sum += integers[i]!;
        target[start + q8WeightsOffset + (i >> 2) * 64 + output * 4 + (i & 3)] = integers[i]!;
      }
      halves[start / 2 + groupOutputs + output] = sum;
    }
  }
}

function packFloat(type: "f32" | "f16" | "bf16", values: Float32Array, blocks: number, target: Uint8Array): void {
  const columns = blocks * blockInputs;
  const { buffer, byteOffset } = target;
  const count = columns * groupOutputs;
  if (type === "bf16") {
    const bits = new Uint32Array(values.buffer, values.byteOffset, values.length);
    const out = new Uint16Array(buffer, byteOffset, count);
    for (let output = 0; output < groupOutputs; output++) {
      for (let input = 0; input < columns; input++) {
        const word = bits[output * columns + input]!;
        // To the nearest, halves to even. The numbers are finite.
        out[input * groupOutputs + output] = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
      }
    }
    return;
  }
  const out =
    type === "f32" ? new Float32Array(buffer, byteOffset, count) : new Float16Array(buffer, byteOffset, count);
  for (let output = 0; output < groupOutputs; output++) {
    for (let input = 0; input < columns; input++)
      out[input * groupOutputs + output] = values[output * columns + input]!;
  }
}
