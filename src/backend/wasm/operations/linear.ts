import type { WeightType } from "../../backend.ts";
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
import { linearQ8Row, linearQ8Rows } from "../kernels/linear-q8.ts";
import { sumBytes } from "../kernels/linear-rows.ts";
import { groupOutputs, panelRows } from "../layout.ts";
import { packedBlockBytes } from "../pack.ts";
import type { Thread } from "../thread.ts";
import { type PanelType, panelBlockBytes } from "./panels.ts";
import { type Cut, pieceOf } from "./pieces.ts";

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
];

/** The types of weights; arguments name one by its index. */
export const weightTypes: readonly WeightType[] = ["f32", "f16", "bf16", "q8", "q4"];

/** The panels that weights of a type meet. */
export const panelOf: Readonly<Record<WeightType, PanelType>> = {
  f32: "f32",
  f16: "f32",
  bf16: "f32",
  q8: "int14",
  q4: "int8",
};

const kernelOf: Readonly<Record<WeightType, { readonly row: string; readonly rows: string }>> = {
  f32: { row: "linearFloat32Row", rows: "linearFloat32Rows" },
  f16: { row: "linearFloat16Row", rows: "linearFloat16Rows" },
  bf16: { row: "linearBfloat16Row", rows: "linearBfloat16Rows" },
  q8: { row: "linearQ8Row", rows: "linearQ8Rows" },
  q4: { row: "linearQ4Row", rows: "linearQ4Rows" },
};

/** Arguments of {@link linear}. An item is a piece of the outputs. */
export const linearArguments = {
  /** Index in {@link weightTypes}. */
  type: 0,
  /** Address of the packed matrix, of `groups` groups of `blocks` blocks. */
  weights: 1,
  groups: 2,
  blocks: 3,
  /** The blocks of inputs to add up. */
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
  /** How outputs are cut into items: `sharers` and `short` of a {@link Cut}. */
  sharers: 12,
  short: 13,
} as const;

/** Weights that a thread expands at a time for several rows, in blocks: what it expands has to stay in its cache. */
const mostBlocks = 128;

/** Bytes of panels that the threads go over again and again: they have to stay in a core's cache of, say, 1 MiB. */
export const cachedPanelBytes: number = 640 * 1024;

/** @returns how many blocks of inputs are added up before all outputs' next blocks are */
export function blocksAtOnce(type: WeightType, rows: number, blocks: number): number {
  if (rows === 1) return blocks;
  const fitting = Math.floor(cachedPanelBytes / (rows * panelBlockBytes[panelOf[type]]));
  return Math.min(blocks, mostBlocks, Math.max(8, fitting));
}

/** Sums, and half a group of expanded weights. */
export const linearScratchBytes: number = sumBytes + mostBlocks * widenedBlockBytes;

export function linear({ kernels, scratch }: Thread, numbers: Float64Array, at: number, item: number): void {
  const given = (name: keyof typeof linearArguments): number => numbers[at + linearArguments[name]]!;
  const type = weightTypes[given("type")]!;
  const rows = given("rows");
  const cut: Cut = { groups: given("groups"), sharers: given("sharers"), short: given("short") };
  const { first, groups } = pieceOf(cut, item);
  const blockBytes = packedBlockBytes[type];
  const groupBytes = given("blocks") * blockBytes;
  const weights = given("weights") + first * groupBytes + given("firstBlock") * blockBytes;
  const columnBytes = first * groupOutputs * 4;
  const start = given("start") + columnBytes;
  const output = given("output") + columnBytes;
  if (rows === 1) {
    kernels[kernelOf[type].row]!(weights, given("panel"), start, output, groups, given("blockCount"), scratch);
    return;
  }
  const kernel = kernels[kernelOf[type].rows]!;
  const rowBytes = panelBlockBytes[panelOf[type]];
  const tileBytes = given("blocks") * rowBytes * panelRows;
  const wholeTiles = Math.floor(rows / panelRows);
  const rest = rows % panelRows;
  const panel = given("panel");
  for (let group = 0; group < groups; group++) {
    kernel(
      weights + group * groupBytes,
      panel + given("firstBlock") * rowBytes * panelRows,
      tileBytes,
      wholeTiles,
      rest,
      panel + wholeTiles * tileBytes + given("firstBlock") * rowBytes * rest,
      start + group * groupOutputs * 4,
      given("startStride"),
      output + group * groupOutputs * 4,
      given("stride"),
      given("blockCount"),
      scratch,
    );
  }
}
