import type { MatrixType } from "../../backend.ts";
import type { Kernel } from "../builder/kernel.ts";
import {
  linearBfloat16Row,
  linearBfloat16Rows,
  linearFloat16Row,
  linearFloat16Rows,
  linearFloat32Row,
  linearFloat32Rows,
  widenedBlockBytes,
} from "../kernels/linear-float.ts";
import { linearQ4Row, linearQ4Rows } from "../kernels/linear-q4.ts";
import { linearQ4FineRow, linearQ4FineRows } from "../kernels/linear-q4-fine.ts";
import { linearQ4KRow, linearQ4KRows } from "../kernels/linear-q4-k.ts";
import { linearQ6KRow, linearQ6KRows } from "../kernels/linear-q6-k.ts";
import { linearQ8Row, linearQ8Rows } from "../kernels/linear-q8.ts";
import { sumBytes } from "../kernels/linear-rows.ts";
import { blocksInSuperBlock, groupOutputs, lineBytes, panelRows, roundUp } from "../layout.ts";
import { deskBytes } from "../other-memories.ts";
import { packedBlockBytes } from "../pack.ts";
import type { Thread } from "../thread.ts";
import { type PanelType, panelBlockBytes } from "./panels.ts";
import { pieceOf } from "./pieces.ts";

export const linearKernels: readonly Kernel[] = [
  linearFloat32Row,
  linearFloat32Rows,
  linearFloat16Row,
  linearFloat16Rows,
  linearBfloat16Row,
  linearBfloat16Rows,
  linearQ8Row,
  linearQ8Rows,
  linearQ4Row,
  linearQ4Rows,
  linearQ4FineRow,
  linearQ4FineRows,
  linearQ4KRow,
  linearQ4KRows,
  linearQ6KRow,
  linearQ6KRows,
];

/** The types of weights; arguments of other operations name one by its index. */
export const weightTypes: readonly MatrixType[] = ["f32", "f16", "bf16", "q8", "q4", "q4_k", "q6_k"];

/** Products of a matrix: types of weights, and by what they are multiplied; arguments name one by its index. */
export const productTypes = ["f32", "f16", "bf16", "q8", "q4", "q4Fine", "q4_k", "q6_k"] as const;

export type ProductType = (typeof productTypes)[number];

/** @param isFine - see `WeightSpec` */
export function productOf(type: MatrixType, isFine: boolean): ProductType {
  return isFine && type === "q4" ? "q4Fine" : type;
}

/** The weights of a product, the panel that they meet, and the kernels for one row and for several. */
interface Product {
  readonly weights: MatrixType;
  readonly panel: PanelType;
  readonly row: string;
  readonly rows: string;
}

export const products: Readonly<Record<ProductType, Product>> = {
  f32: { weights: "f32", panel: "f32", row: "linearFloat32Row", rows: "linearFloat32Rows" },
  f16: { weights: "f16", panel: "f32", row: "linearFloat16Row", rows: "linearFloat16Rows" },
  bf16: { weights: "bf16", panel: "f32", row: "linearBfloat16Row", rows: "linearBfloat16Rows" },
  q8: { weights: "q8", panel: "int14", row: "linearQ8Row", rows: "linearQ8Rows" },
  q4: { weights: "q4", panel: "shared", row: "linearQ4Row", rows: "linearQ4Rows" },
  q4Fine: { weights: "q4", panel: "int15", row: "linearQ4FineRow", rows: "linearQ4FineRows" },
  q4_k: { weights: "q4_k", panel: "shared", row: "linearQ4KRow", rows: "linearQ4KRows" },
  q6_k: { weights: "q6_k", panel: "int15", row: "linearQ6KRow", rows: "linearQ6KRows" },
};

/** Arguments of {@link linear}. An item is a piece of the outputs. */
export const linearArguments = {
  /** Index in {@link productTypes}. */
  product: 0,
  /** Address of the packed matrix, of `groups` groups of `blocks` blocks. */
  weights: 1,
  groups: 2,
  blocks: 3,
  /** The blocks of inputs to add up; of weights in super-blocks, whole ones. */
  firstBlock: 4,
  blockCount: 5,
  /** Address of the panel, and its rows. */
  panel: 6,
  rows: 7,
  /** Address of the output and bytes from row to row. */
  output: 8,
  stride: 9,
  /** What the sums begin with: address, and bytes from row to row (0: one row for all). */
  start: 10,
  startStride: 11,
  /** How outputs are cut into items: `sharers` and `short` of a `Cut`. */
  sharers: 12,
  short: 13,
} as const;

/** Weights that a thread expands at a time for several rows, in blocks: what it expands has to stay in its cache. */
const mostBlocks = 128;

/** Bytes of panels that the threads go over again and again: they have to stay in a core's cache of, say, 1 MiB. */
export const cachedPanelBytes: number = 640 * 1024;

/** @returns how many blocks of inputs are added up before all outputs' next blocks are: all, or whole super-blocks */
export function blocksAtOnce(type: ProductType, rows: number, blocks: number): number {
  if (rows === 1) return blocks;
  const fitting = Math.floor(cachedPanelBytes / (rows * panelBlockBytes[products[type].panel]));
  const wholeOnes = Math.floor(fitting / blocksInSuperBlock) * blocksInSuperBlock;
  return Math.min(blocks, mostBlocks, Math.max(blocksInSuperBlock, wholeOnes));
}

/** What kernels of several rows need for themselves, of the largest type: sums, and half a group of expanded weights; see `linear-rows.ts`. */
const rowsScratchBytes = roundUp(sumBytes + mostBlocks * widenedBlockBytes, lineBytes);

/** And behind it a group that was brought from another memory. */
export const linearScratchBytes: number = rowsScratchBytes + mostBlocks * packedBlockBytes.f32;

/*
 * One row meets weights of another memory on the thread's desk there:
 *
 *     | 64 bytes for the kernel | the row's panel, whole lines | what the sums of n groups begin with | the sums |
 */
const groupSumBytes = groupOutputs * 4;

/** A piece of a product: groups of outputs by some blocks of inputs. Addresses are of the first group. */
interface Task {
  readonly product: Product;
  readonly weights: number;
  readonly groups: number;
  /** Bytes from group to group, and of a group's part in it. */
  readonly groupBytes: number;
  readonly partBytes: number;
  readonly blocks: number;
  readonly start: number;
  readonly output: number;
}

/**
 * Multiplies all rows of a panel by a piece of a matrix: output = start + panel · weightsᵀ over the blocks given.
 *
 * @param thread - has scratch of {@link linearScratchBytes}
 * @param numbers - holds the arguments, at `at`; see {@link linearArguments}
 * @param item - which piece of the outputs
 */
export function linear(thread: Thread, numbers: Float64Array, at: number, item: number): void {
  const given = (name: keyof typeof linearArguments): number => numbers[at + linearArguments[name]]!;
  const product = products[productTypes[given("product")]!];
  const [rows, blocks] = [given("rows"), given("blockCount")];
  const { first, groups } = pieceOf(
    { groups: given("groups"), sharers: given("sharers"), short: given("short") },
    item,
  );
  const blockBytes = packedBlockBytes[product.weights];
  const groupBytes = given("blocks") * blockBytes;
  const task: Task = {
    product,
    weights: given("weights") + first * groupBytes + given("firstBlock") * blockBytes,
    groups,
    groupBytes,
    partBytes: blocks * blockBytes,
    blocks,
    start: given("start") + first * groupSumBytes,
    output: given("output") + first * groupSumBytes,
  };
  // The kernel for one row must not write where its sums begin.
  if (rows === 1 && given("start") !== given("output")) {
    multiplyRow(thread, task, given("panel"));
    return;
  }
  const rowBytes = panelBlockBytes[product.panel];
  const tileBytes = given("blocks") * rowBytes * panelRows;
  const wholeTiles = Math.floor(rows / panelRows);
  const rest = rows % panelRows;
  const panel = given("panel");
  const firstTile = panel + given("firstBlock") * rowBytes * panelRows;
  const lastTile = panel + wholeTiles * tileBytes + given("firstBlock") * rowBytes * rest;
  const kernel = thread.kernels[product.rows]!;
  const other = thread.others.at(task.weights);
  const brought = thread.scratch + rowsScratchBytes;
  for (let group = 0; group < groups; group++) {
    const weights = task.weights + group * groupBytes;
    other?.bring(brought, weights, task.partBytes);
    kernel(
      other ? brought : weights,
      firstTile,
      tileBytes,
      wholeTiles,
      rest,
      lastTile,
      task.start + group * groupSumBytes,
      given("startStride"),
      task.output + group * groupSumBytes,
      given("stride"),
      blocks,
      thread.scratch,
    );
  }
}

/** Weights of another memory stay there: the row is small and goes to them, and its sums come back. */
function multiplyRow({ kernels, others, scratch }: Thread, task: Task, panel: number): void {
  const { product, weights, groups, groupBytes, blocks, start, output } = task;
  const other = others.at(weights);
  if (!other) {
    kernels[product.row]!(weights, panel, start, output, groups, blocks, scratch);
    return;
  }
  const panelLength = blocks * panelBlockBytes[product.panel];
  const x = other.desk + lineBytes;
  const sums = x + roundUp(panelLength, lineBytes);
  const most = Math.floor((other.desk + deskBytes - sums) / (2 * groupSumBytes));
  other.put(x, panel, panelLength);
  for (let group = 0; group < groups; group += most) {
    const count = Math.min(most, groups - group);
    const bytes = count * groupSumBytes;
    other.put(sums, start + group * groupSumBytes, bytes);
    other.kernels[product.row]!(weights + group * groupBytes, x, sums, sums + bytes, count, blocks, other.desk);
    other.bring(output + group * groupSumBytes, sums + bytes, bytes);
  }
}
