import type { RotaryRows } from "../../position/index.ts";
import type { MatrixType, Tensor, Weight } from "../backend.ts";
import { blocksOf, groupsOf, rowStride } from "./layout.ts";
import type { PanelType } from "./operations/panels.ts";
import { packedBlockBytes } from "./pack.ts";
import type { Region } from "./program.ts";

/** How the rows of a tensor come about when somebody asks for them. */
export type MatrixSource =
  | { readonly kind: "rows"; readonly region: Region }
  | { readonly kind: "rmsNorm"; readonly x: Matrix; readonly gain: PackedWeight; readonly epsilon: number }
  | { readonly kind: "gatedSilu"; readonly gate: Matrix; readonly up: Matrix }
  | { readonly kind: "rotate"; readonly x: Matrix; readonly rotary: RotaryRows };

/**
 * A tensor of this backend. Norms, gated units and rotations are not computed where they are asked for, but by what reads them: most are
 * read by matrices alone, which want them quantised, or go into the cache.
 */
export interface Matrix extends Tensor {
  readonly source: MatrixSource;
  /** The rows as float32, once they are wanted. */
  region?: Region;
  /** The rows, all or some, as matrix kernels read them, once they are wanted; see {@link panelKey}. */
  readonly panels: Map<string, Region>;
}

export function createMatrix(rows: number, columns: number, source: MatrixSource): Matrix {
  const region = source.kind === "rows" ? { region: source.region } : {};
  return { rows, columns, source, panels: new Map(), ...region };
}

/** What a panel of these rows is found by. */
export function panelKey(type: PanelType, { firstRow, rows }: RowRange): string {
  return `${type} ${firstRow} ${rows}`;
}

/** Consecutive rows of a tensor. */
export interface RowRange {
  readonly firstRow: number;
  readonly rows: number;
}

/** Bytes from row to row of a tensor. */
export function strideOf({ columns }: Tensor): number {
  return rowStride(columns) * 4;
}

/** What a weight of this backend is: a packed matrix, or a vector of float32. */
export interface PackedWeight extends Weight {
  readonly name: string;
  readonly type: MatrixType;
  /** See `WeightSpec`. */
  readonly isFine: boolean;
  readonly address: number;
  readonly bytes: number;
  /** Of a matrix: groups of 16 outputs, and blocks of 32 inputs. */
  readonly groups: number;
  readonly blocks: number;
}

/** @returns how much memory a weight takes, and how it is divided */
export function packedSize(
  shape: readonly number[],
  type: MatrixType,
): { readonly groups: number; readonly blocks: number; readonly bytes: number } {
  const [outputs, inputs] = shape as [number, number | undefined];
  if (inputs === undefined) return { groups: 1, blocks: 1, bytes: rowStride(outputs) * 4 };
  const groups = groupsOf(outputs);
  const blocks = blocksOf(inputs);
  return { groups, blocks, bytes: groups * blocks * packedBlockBytes[type] };
}
