import type { Tensor, Weight } from "../backend.ts";

/** What a tensor of this backend is: its numbers, row by row. */
export interface Matrix extends Tensor {
  readonly data: Float32Array<ArrayBuffer>;
}

/** What a weight of this backend is. */
export interface Parameter extends Weight {
  readonly data: Float32Array;
}

export function createMatrix(rows: number, columns: number): Matrix {
  return { rows, columns, data: new Float32Array(rows * columns) };
}
