import type { MatrixType } from "../../backend.ts";
import type { Kernel } from "../builder/kernel.ts";
import { add } from "../kernels/add.ts";
import { embedBfloat16, embedFloat16, embedFloat32, embedQ4, embedQ8 } from "../kernels/embed.ts";
import { embedQ4K, embedQ6K } from "../kernels/embed-super-blocks.ts";
import { gatedSilu } from "../kernels/gated-silu.ts";
import { rmsNorm } from "../kernels/rms-norm.ts";
import { takeRow } from "../kernels/take-row.ts";
import { blockInputs, groupOutputs } from "../layout.ts";
import { packedBlockBytes } from "../pack.ts";
import type { Thread } from "../thread.ts";
import { weightTypes } from "./linear.ts";

export const rowKernels: readonly Kernel[] = [
  add,
  takeRow,
  embedFloat32,
  embedFloat16,
  embedBfloat16,
  embedQ8,
  embedQ4,
  embedQ4K,
  embedQ6K,
  gatedSilu,
  rmsNorm,
];

/*
 * Operations on rows of float32. An item is a row; arguments are in the order of the names at the top of each.
 */

/** By their names: the package has no definitions of kernels. */
const embedKernels: Readonly<Record<MatrixType, string>> = {
  f32: "embedFloat32",
  f16: "embedFloat16",
  bf16: "embedBfloat16",
  q8: "embedQ8",
  q4: "embedQ4",
  q4_k: "embedQ4K",
  q6_k: "embedQ6K",
};

/** weight type, weights, blocks, output, stride, index of the tokens in the numbers */
export function embed({ kernels, others }: Thread, numbers: Float64Array, at: number, item: number): void {
  const type = weightTypes[numbers[at]!]!;
  const weights = numbers[at + 1]!;
  const blocks = numbers[at + 2]!;
  const token = numbers[numbers[at + 5]! + item]!;
  const groupBytes = blocks * packedBlockBytes[type];
  const group = weights + Math.floor(token / groupOutputs) * groupBytes;
  const row = numbers[at + 3]! + item * numbers[at + 4]!;
  const kernel = embedKernels[type];
  const other = others.at(group);
  if (!other) {
    kernels[kernel]!(group, token % groupOutputs, row, blocks);
    return;
  }
  other.kernels[kernel]!(group, token % groupOutputs, other.desk, blocks);
  other.bring(row, other.desk, blocks * blockInputs * 4);
}

/** input, gain, output, stride, norms in a row, width, epsilon */
export function normRows({ kernels }: Thread, numbers: Float64Array, at: number, item: number): void {
  const offset = item * numbers[at + 3]!;
  const [x, gain, y] = [numbers[at]! + offset, numbers[at + 1]!, numbers[at + 2]! + offset];
  kernels.rmsNorm!(x, gain, y, numbers[at + 4]!, numbers[at + 5]!, numbers[at + 6]!);
}

/** gate, up, output, stride, vectors in a row */
export function gateRows({ kernels }: Thread, numbers: Float64Array, at: number, item: number): void {
  const offset = item * numbers[at + 3]!;
  kernels.gatedSilu!(numbers[at]! + offset, numbers[at + 1]! + offset, numbers[at + 2]! + offset, numbers[at + 4]!);
}

/** a, b, output, stride, vectors in a row */
export function addRows({ kernels }: Thread, numbers: Float64Array, at: number, item: number): void {
  const offset = item * numbers[at + 3]!;
  kernels.add!(numbers[at]! + offset, numbers[at + 1]! + offset, numbers[at + 2]! + offset, numbers[at + 4]!);
}

/** input, output, stride, vectors in a row, index of the rows' numbers */
export function takeRows({ kernels }: Thread, numbers: Float64Array, at: number, item: number): void {
  const stride = numbers[at + 2]!;
  const row = numbers[numbers[at + 4]! + item]!;
  kernels.takeRow!(numbers[at]! + row * stride, numbers[at + 1]! + item * stride, numbers[at + 3]!);
}
