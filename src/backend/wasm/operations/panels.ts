import type { Kernel } from "../builder/kernel.ts";
import { gatedSilu } from "../kernels/gated-silu.ts";
import { int15BlockBytes, sharedBlockBytes } from "../kernels/linear-q4.ts";
import { int14BlockBytes } from "../kernels/linear-q8.ts";
import { panelFloat32, panelInt14, panelInt15, panelShared } from "../kernels/panels.ts";
import { rmsNorm } from "../kernels/rms-norm.ts";
import { blockInputs, blocksOf, panelRows, rowStride } from "../layout.ts";
import type { Thread } from "../thread.ts";

export const panelKernels: readonly Kernel[] = [panelShared, panelInt14, panelInt15, panelFloat32, rmsNorm, gatedSilu];

/** How the activations of a panel are kept: in pairs that share a byte or in 15 bits for weights of 4, 14 bits for weights of 8, and as they are for floating point. */
export const panelTypes = ["shared", "int14", "int15", "f32"] as const;

/** How the activations of a panel are kept. */
export type PanelType = (typeof panelTypes)[number];

const kernelOf = { shared: "panelShared", int14: "panelInt14", int15: "panelInt15", f32: "panelFloat32" } as const;

/** Bytes of a block of one row, in panels of each type. */
export const panelBlockBytes: Readonly<Record<PanelType, number>> = {
  shared: sharedBlockBytes,
  int15: int15BlockBytes,
  int14: int14BlockBytes,
  f32: blockInputs * 4,
};

/** What a panel is made of: rows as they are, their norm, or a gated unit; so that what only matrices read is never stored as float32. */
export const panelSources = ["rows", "rmsNorm", "gatedSilu"] as const;

/** Arguments of {@link makePanel}. An item is a tile of `panelRows` rows, the last one of what is left. */
export const panelArguments = {
  /** Index in {@link panelTypes}. */
  type: 0,
  /** Address of the panel. */
  panel: 1,
  /** Address of the rows, and bytes from one to the next. */
  rows: 2,
  stride: 3,
  /** How many. */
  count: 4,
  columns: 5,
  /** Index in {@link panelSources}. */
  source: 6,
  /** Address of the norm's gain, [width], or of the rows that are gated. */
  second: 7,
  /** The norm's width and epsilon. */
  width: 8,
  epsilon: 9,
} as const;

/** @returns bytes of a panel */
export function panelBytes(type: PanelType, rows: number, columns: number): number {
  return rows * blocksOf(columns) * panelBlockBytes[type];
}

/** @returns bytes of scratch that {@link makePanel} needs */
export function panelScratchBytes(columns: number): number {
  return lastBlockBytes + rowStride(columns) * 4;
}

const lastBlockBytes = blockInputs * 4;

/**
 * Lays out up to five rows as matrix kernels read them.
 *
 * @param thread - has scratch of {@link panelScratchBytes}
 * @param numbers - holds the arguments, at `at`; see {@link panelArguments}
 * @param item - which five
 */
export function makePanel({ kernels, scratch }: Thread, numbers: Float64Array, at: number, item: number): void {
  const given = (name: keyof typeof panelArguments): number => numbers[at + panelArguments[name]]!;
  const type = panelTypes[given("type")]!;
  const source = panelSources[given("source")]!;
  const columns = given("columns");
  const first = item * panelRows;
  const rows = Math.min(panelRows, given("count") - first);
  const panel = given("panel") + panelBytes(type, first, columns);
  const store = kernels[kernelOf[type]]!;
  const room = scratch + lastBlockBytes;
  for (let index = 0; index < rows; index++) {
    let row = given("rows") + (first + index) * given("stride");
    if (source === "rmsNorm") {
      kernels.rmsNorm!(row, given("second"), room, columns / given("width"), given("width"), given("epsilon"));
      row = room;
    } else if (source === "gatedSilu") {
      const up = given("second") + (first + index) * given("stride");
      kernels.gatedSilu!(row, up, room, rowStride(columns) / 4);
      row = room;
    }
    store(row, panel, index, rows, columns, scratch);
  }
}
