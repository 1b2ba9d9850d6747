import type { Kernel } from "../builder/kernel.ts";
import { defineQ4Row, defineQ4Rows, defineQ4Tile } from "./linear-q4.ts";
import { defineTiles } from "./linear-rows.ts";

/*
 * y = x · weightsᵀ + start, weights in 4 bits as `linear-q4.ts` draws them, activations in 15 bits: for queries, keys and values. Their
 * matrices are small beside the others, and the softmax makes much of their errors.
 *
 * Activations, for each tile of M rows and each block (80 · M bytes, made by `panelInt15`); an input is 128 · high + low:
 *
 *     | scale: M × f32 | -8 · sum of the inputs: M × i32 | the same of the first 16: M × i32 | and of the last 16: M × i32 |
 *     | high: 8 steps of 4 inputs: | M rows: | 4 × i8 | low: the same, 4 × u7 |
 *
 * The sums of 16 are for `linear-q6-k.ts`. The integer sum of a block stays below 2^23, and is exact. Blocks are added up in order, in float32, in
 * every variant.
 */

/** One row of activations. */
export const linearQ4FineRow: Kernel = defineQ4Row("linearQ4FineRow", "int15");

export const linearQ4FineRows: Kernel = defineQ4Rows(
  "linearQ4FineRows",
  defineTiles((rows) => defineQ4Tile("linearQ4FineTile", "int15", false, rows)),
);
