import { defineInner, defineKernel, type WasmFunction } from "../builder/kernel.ts";
import { f32x4, i32x4, v128 } from "../builder/values.ts";
import { float16Loader } from "./float16.ts";
import { defineRows, defineTiles, type Tiles, tileParameters } from "./linear-rows.ts";

/*
 * y = x · weightsᵀ + start, weights in 8 bits. They meet activations of 16 bits: a dot product of 16-bit numbers takes signed ones as
 * they are, where that of bytes wants 7 bits on one side, and costs no accuracy.
 *
 * Weights, for each group of 16 outputs and each block of 32 inputs (544 bytes):
 *
 *     | scale: 16 × f16 | 16 pairs of inputs: | 4 vectors: | 4 outputs: | 2 × i8 |
 *
 * Activations, for each tile of M rows and each block (68 · M bytes, made by `panelInt16`):
 *
 *     | scale: M × f32 | 16 pairs of inputs: | M rows: | 2 × i16 |
 *
 * With |weight| ≤ 127 and |activation| ≤ 32767 the integer sum of a block stays below 2^27. Blocks are added up in order, in float32, in
 * every variant.
 */
export const q8GroupBytes = 544;
const scaleBytes = 32;

/** Bytes of one block of one row of activations. */
export const int16PanelBytes = 68;

/** One row of activations. weights: [groups][blocks]; x: a panel of one row; start and y: [groups][16] f32. */
export const linearQ8Row: WasmFunction = defineKernel(
  "linearQ8Row",
  { weights: "address", x: "address", start: "address", y: "address", groups: "i32", blocks: "i32" },
  (code, { weights, x, start, y, groups, blocks }) => {
    const w = code.local("address", weights);
    const from = code.local("address", start);
    const to = code.local("address", y);
    const panel = code.local("address");
    const sums = code.locals(4, "v128");
    const integers = code.locals(4, "v128");
    const input = code.local("v128");
    const loadFloat16 = float16Loader(code);
    code.repeat(groups, () => {
      code.set(panel, x);
      for (const [v, sum] of sums.entries()) code.set(sum, code.load(from, v * 16));
      code.repeat(blocks, () => {
        for (const integer of integers) code.set(integer, v128.zero);
        for (let pair = 0; pair < 16; pair++) {
          code.set(input, code.loadSplat32(panel, 4 + pair * 4));
          for (const [v, integer] of integers.entries()) {
            const weight = code.load8x8(w, scaleBytes + (pair * 4 + v) * 8);
            code.set(integer, i32x4.add(integer, i32x4.dotI16(input, weight)));
          }
        }
        code.set(input, code.loadSplat32(panel));
        for (const [v, integer] of integers.entries()) {
          const scale = f32x4.mul(loadFloat16(w, v * 8), input);
          code.set(sums[v]!, code.multiplyAdd(f32x4.convertI32(integer), scale, sums[v]!));
        }
        code.advance(w, q8GroupBytes);
        code.advance(panel, int16PanelBytes);
      });
      for (const [v, sum] of sums.entries()) code.store(to, sum, v * 16);
      code.advance(from, 64);
      code.advance(to, 64);
    });
  },
);

function defineTile(half: 0 | 1, rows: number): WasmFunction<typeof tileParameters> {
  return defineInner(`linearQ8Half${half}Tile${rows}`, tileParameters, (code, { weights, x, sums, blocks }) => {
    const w = code.local("address", weights);
    const panel = code.local("address", x);
    const vectors = code.locals(2, "v128");
    const integers = Array.from({ length: rows }, () => code.locals(2, "v128"));
    const input = code.local("v128");
    const loadFloat16 = float16Loader(code);
    code.repeat(blocks, () => {
      for (const pair of integers) for (const integer of pair) code.set(integer, v128.zero);
      for (let pair = 0; pair < 16; pair++) {
        for (const [v, vector] of vectors.entries())
          code.set(vector, code.load8x8(w, scaleBytes + (pair * 4 + half * 2 + v) * 8));
        for (const [row, accumulators] of integers.entries()) {
          code.set(input, code.loadSplat32(panel, rows * 4 + (pair * rows + row) * 4));
          for (const [v, integer] of accumulators.entries())
            code.set(integer, i32x4.add(integer, i32x4.dotI16(input, vectors[v]!)));
        }
      }
      for (const [v, vector] of vectors.entries()) code.set(vector, loadFloat16(w, (half * 2 + v) * 8));
      for (const [row, accumulators] of integers.entries()) {
        code.set(input, code.loadSplat32(panel, row * 4));
        for (const [v, integer] of accumulators.entries()) {
          const offset = (row * 2 + v) * 16;
          const scale = f32x4.mul(vectors[v]!, input);
          code.store(sums, code.multiplyAdd(f32x4.convertI32(integer), scale, code.load(sums, offset)), offset);
        }
      }
      code.advance(w, q8GroupBytes);
      code.advance(panel, rows * int16PanelBytes);
    });
  });
}

/** Several rows of activations. */
export const linearQ8Rows: WasmFunction = defineRows(
  "linearQ8Rows",
  [0, 1].map((half) => defineTiles((rows) => defineTile(half as 0 | 1, rows))) as [Tiles, Tiles],
  (_, __, weights) => weights,
);
