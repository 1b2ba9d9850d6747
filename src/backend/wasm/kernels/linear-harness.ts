import { quantiseQ4, quantiseQ8 } from "../../../checkpoint/quantise.ts";
import type { MatrixType } from "../../backend.ts";
import { blockInputs, blocksInSuperBlock, blocksOf, groupOutputs, groupsOf, roundUp, rowStride } from "../layout.ts";
import {
  linear,
  linearArguments,
  linearScratchBytes,
  type ProductType,
  products as productFacts,
  productTypes,
} from "../operations/linear.ts";
import { countPieces } from "../operations/pieces.ts";
import { packedBlockBytes, packGroup } from "../pack.ts";
import { isSuperBlockType, packSuperBlocks } from "../pack-super-blocks.ts";
import { inputKinds, inputs as inputsOf, type KernelHarness, normalNumbers } from "./kernel-harness.ts";
import { makePanels, padded, quantisedActivations } from "./panel-harness.ts";
import { quantiseSuperBlocks, superBlockNumbers } from "./super-block-harness.ts";

/** x · weightsᵀ + bias, for tests. */
export interface Product {
  readonly type: ProductType;
  readonly rows: number;
  readonly inputs: number;
  readonly outputs: number;
  /** [rows, inputs] */
  readonly x: Float32Array;
  /** [outputs, inputs] */
  readonly weights: Float32Array;
  /** [outputs] */
  readonly bias: Float32Array;
}

/**
 * Computes a product by the matrix kernels, from panels that are made here: that of one row by the kernel `...Row`, of several by `...Rows`.
 *
 * @param cuts - blocks of inputs before which the sum is put down, and taken up again
 * @returns [rows, outputs]
 */
export function computeProduct(harness: KernelHarness, product: Product, cuts: readonly number[] = []): Float32Array {
  harness.clear();
  const { type, rows, inputs, outputs } = product;
  const blocks = blocksOf(inputs);
  const groups = groupsOf(outputs);
  const stride = rowStride(outputs) * 4;
  const bias = new Float32Array(groups * groupOutputs);
  bias.set(product.bias);
  const biasAddress = harness.put(bias);
  const output = harness.room(rows * stride + guardBytes);
  const scratch = harness.room(linearScratchBytes + guardBytes);
  const values: number[] = [];
  values[linearArguments.product] = productTypes.indexOf(type);
  values[linearArguments.weights] = harness.lasting.put(packMatrix(product));
  values[linearArguments.groups] = groups;
  values[linearArguments.blocks] = blocks;
  values[linearArguments.panel] = harness.put(makePanels(productFacts[type].panel, rowsOf(product)));
  values[linearArguments.rows] = rows;
  values[linearArguments.output] = output;
  values[linearArguments.stride] = stride;
  const cut = { groups, sharers: 1, short: 2 };
  values[linearArguments.sharers] = cut.sharers;
  values[linearArguments.short] = cut.short;
  const ends = [...cuts, blocks];
  for (const [i, end] of ends.entries()) {
    const first = ends[i - 1] ?? 0;
    values[linearArguments.firstBlock] = first;
    values[linearArguments.blockCount] = end - first;
    values[linearArguments.start] = i === 0 ? biasAddress : output;
    values[linearArguments.startStride] = i === 0 ? 0 : stride;
    const thread = harness.thread(scratch);
    for (let item = 0; item < countPieces(cut); item++) linear(thread, Float64Array.from(values), 0, item);
  }
  for (const end of [output + rows * stride, scratch + linearScratchBytes]) {
    if (harness.get(Uint8Array, end, guardBytes).some((byte) => byte !== 0xff))
      throw new Error("a kernel wrote past the end of what it was given");
  }
  const padded = harness.get(Float32Array, output, (rows * stride) / 4);
  const out = new Float32Array(rows * outputs);
  for (let row = 0; row < rows; row++)
    out.set(padded.subarray((row * stride) / 4, (row * stride) / 4 + outputs), row * outputs);
  return out;
}

/** What is behind the memory of a kernel, and has to stay as it is. */
const guardBytes = 64;

/** Rows of every number up to two whole tiles and two; sizes that are whole blocks and groups, and that are not. */
const sizes: readonly (readonly [rows: number, inputs: number, outputs: number])[] = [
  [1, 32, 16],
  [1, 257, 50],
  [2, 33, 17],
  [3, 100, 40],
  [4, 1, 1],
  [5, 64, 16],
  [6, 95, 33],
  [7, 31, 15],
  [8, 160, 32],
  [9, 63, 7],
  [10, 96, 48],
  [11, 65, 20],
  [12, 200, 31],
];

const weightKinds = ["normal", "large", "small", "zero blocks", "equal", "one sign"] as const;

/** @returns the inputs, completed to what rows of the type are made of */
export function wholeInputs(type: ProductType, inputs: number): number {
  return isSuperBlockType(productFacts[type].weights) ? roundUp(inputs, superBlockNumbers) : inputs;
}

/** Nearly the largest, and a small number with few bits, that types hold: as a weight, or by its scale. */
const extremes: Readonly<Record<ProductType, readonly [large: number, small: number]>> = {
  f32: [1e15, 1e-41],
  bf16: [1e15, 1e-39],
  f16: [65000, 2e-6],
  q8: [65000 * 127, 2e-6 * 127],
  q4: [65000 * 8, 2e-6 * 8],
  q4Fine: [65000 * 8, 2e-6 * 8],
  q4_k: [65000 * 63, 2e-6 * 63],
  q6_k: [65000 * 127 * 32, 2e-6 * 127 * 32],
};

/** @returns products of all sizes, each with all kinds of weights and with activations of some kind: over all sizes, of every kind */
function products(type: ProductType): (Product & { readonly kinds: string })[] {
  const [large, small] = extremes[type];
  const activationKinds = [...inputKinds, "subnormal"] as const;
  return sizes.flatMap(([rows, someInputs, outputs], size) => {
    const inputs = wholeInputs(type, someInputs);
    return weightKinds.map((weightKind, kind) => {
      const normal = normalNumbers(size * 10 + kind + 1);
      const weight: Record<typeof weightKind, (i: number) => number> = {
        normal,
        large: () => large * Math.max(-1, Math.min(1, normal())),
        small: () => small * normal(),
        "zero blocks": (i) => (Math.floor(i / blockInputs) % 2 === 0 ? 0 : normal()),
        equal: () => 0.3,
        "one sign": (i) => -Math.abs(normal()) * (i % 7 === 0 ? 10 : 1),
      };
      const activationKind = activationKinds[(size + kind) % activationKinds.length]!;
      const x = inputsOf(activationKind === "subnormal" ? "tiny" : activationKind, rows * inputs, size + 1);
      return {
        kinds: `${rows} rows of ${inputs} inputs, ${activationKind}, by ${outputs} outputs, ${weightKind}`,
        type,
        rows,
        inputs,
        outputs,
        x: activationKind === "subnormal" ? x.map((number) => number * 1e-22) : x,
        weights: Float32Array.from({ length: outputs * inputs }, (_, i) => weight[weightKind](i)),
        bias: Float32Array.from({ length: outputs }, (_, i) => (size % 2 === 0 ? 0 : i - outputs / 2)),
      };
    });
  });
}

/** @returns what a harness computes too inexactly, in words; that it should be nothing is what tests of kernels say */
export function inexactProducts(harness: KernelHarness, type: ProductType): string[] {
  return products(type).flatMap((product) => {
    const got = computeProduct(harness, product);
    const wrong = exactProduct(product)
      .flat()
      .flatMap(({ value, error }, i) => (Math.abs(got[i]! - value) <= error ? [] : [`${got[i]} is not ${value}`]));
    return wrong.length === 0 ? [] : [`${product.kinds}: ${wrong.length} wrong, ${wrong[0]}`];
  });
}

/** A number computed in float64 from the numbers that the kernel reads, and how far a sum in float32 may be from it. */
interface Exact {
  readonly value: number;
  readonly error: number;
}

/**
 * @returns [rows][outputs]. Tolerances: every term of a sum is rounded up to four times (the scales' product, the integer, their product, all
 * by 2^-24 of the term), and every addition by 2^-24 of a partial sum. Below 2^-126 roundings are absolute: 2^-150, of a product of
 * scales times the block's integer. What minima take away are terms of their own.
 */
function exactProduct(product: Product): Exact[][] {
  const { type, rows, outputs, inputs, bias } = product;
  const columns = blocksOf(inputs) * blockInputs;
  const weights = Array.from({ length: outputs }, (_, output) =>
    quantisedWeights(
      productFacts[type].weights,
      padded(product.weights.subarray(output * inputs, (output + 1) * inputs)),
    ),
  );
  const { panel } = productFacts[type];
  return Array.from({ length: rows }, (_, row) => {
    const x = padded(product.x.subarray(row * inputs, (row + 1) * inputs));
    const { scales, integers } = panel === "f32" ? asTheyAre(x) : quantisedActivations(panel, x);
    return weights.map((weight, output) => {
      let value = bias[output]!;
      let magnitude = Math.abs(value);
      let underflow = 0;
      let terms = 0;
      const { run } = weight;
      const add = (sum: number, start: number, scale: number): void => {
        const term = sum * scales[panel === "f32" ? start : Math.floor(start / blockInputs)]! * scale;
        value += term;
        magnitude += Math.abs(term);
        underflow += panel === "f32" ? 2 ** -149 : 2 ** -149 * (1 + Math.abs(sum));
        terms++;
      };
      for (let start = 0; start < columns; start += run) {
        let [sum, inputSum] = [0, 0];
        for (let i = start; i < start + run; i++) {
          sum += integers[i]! * weight.integers[i]!;
          inputSum += integers[i]!;
        }
        add(sum, start, weight.scales[start / run]!);
        if (weight.minima) add(inputSum, start, -weight.minima[start / run]!);
      }
      return { value, error: (terms + 4) * 2 ** -24 * magnitude + underflow };
    });
  });
}

interface Quantised {
  /** Numbers that share a scale. */
  readonly run: number;
  readonly scales: ArrayLike<number>;
  readonly integers: ArrayLike<number>;
  /** As many as scales: what is taken away from each product. */
  readonly minima?: ArrayLike<number>;
}

function asTheyAre(x: Float32Array): Quantised {
  return { run: 1, scales: new Float32Array(x.length).fill(1), integers: x };
}

/** The numbers of whole blocks, as their type holds them. */
function quantisedWeights(type: MatrixType, row: Float32Array): Quantised {
  if (type === "f32") return asTheyAre(row);
  if (type === "f16") return asTheyAre(Float32Array.from(new Float16Array(row)));
  if (type === "bf16") return asTheyAre(row.map(roundToBfloat16));
  if (isSuperBlockType(type)) return quantiseSuperBlocks(type, row);
  const scales = new Uint16Array(row.length / blockInputs);
  const integers = new Int8Array(row.length);
  const quantise = type === "q4" ? quantiseQ4 : quantiseQ8;
  for (let block = 0; block < scales.length; block++)
    scales[block] = quantise(row, block * blockInputs, integers, block * blockInputs);
  return { run: blockInputs, scales: new Float16Array(scales.buffer), integers };
}

/** To the nearest number whose lower 16 bits are zero; halves to even. */
export function roundToBfloat16(x: number): number {
  const number = new Float32Array([x]);
  const bits = new Uint32Array(number.buffer);
  const rest = bits[0]! & 0xffff;
  bits[0]! -= rest;
  const isOdd = (bits[0]! & 0x10000) !== 0;
  if (rest > 0x8000 || (rest === 0x8000 && isOdd)) bits[0]! += 0x10000;
  return number[0]!;
}

/** All groups of a matrix, packed; rows and inputs are completed by zeros. */
export function packMatrix({
  type,
  weights,
  outputs,
  inputs,
}: Pick<Product, "type" | "weights" | "outputs" | "inputs">): Uint8Array {
  const { weights: weightType } = productFacts[type];
  const blocks = blocksOf(inputs);
  const columns = blocks * blockInputs;
  const groups = groupsOf(outputs);
  const rows = new Float32Array(groups * groupOutputs * columns);
  for (let output = 0; output < outputs; output++)
    rows.set(weights.subarray(output * inputs, (output + 1) * inputs), output * columns);
  const groupBytes = blocks * packedBlockBytes[weightType];
  const out = new Uint8Array(groups * groupBytes);
  for (let group = 0; group < groups; group++) {
    const size = groupOutputs * columns;
    const target = out.subarray(group * groupBytes, (group + 1) * groupBytes);
    if (!pack(weightType, rows.subarray(group * size, (group + 1) * size), blocks, target))
      throw new Error(`${type} cannot hold the weights of this test`);
  }
  return out;
}

/** @param rows - [16][blocks · 32] */
function pack(type: MatrixType, rows: Float32Array, blocks: number, target: Uint8Array): boolean {
  if (!isSuperBlockType(type)) return packGroup(type, rows, blocks, target);
  const { bytes } = quantiseSuperBlocks(type, rows);
  return packSuperBlocks(type, bytes, blocks / blocksInSuperBlock, target);
}

function rowsOf({ rows, inputs, x }: Product): Float32Array[] {
  return Array.from({ length: rows }, (_, row) => x.subarray(row * inputs, (row + 1) * inputs));
}
