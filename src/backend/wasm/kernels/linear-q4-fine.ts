import type { Kernel } from "../builder/kernel.ts";
import { f32x4, i8x16, i16x8, i32x4, v128 } from "../builder/values.ts";
import { loadFloat16 } from "./float16.ts";
import { defineQ4Rows, defineQ4Tile, q4BlockBytes, q4WeightsOffset } from "./linear-q4.ts";
import { defineRow } from "./linear-row.ts";
import { defineTiles } from "./linear-rows.ts";

/*
 * y = x · weightsᵀ + start, weights in 4 bits as `linear-q4.ts` draws them, activations in 15 bits: for matrices that are small beside the others, but
 * through which all errors go on.
 *
 * Activations, for each tile of M rows and each block (72 · M bytes, made by `panelInt15`); an input is 128 · high + low:
 *
 *     | scale: M × f32 | -8 · sum of the inputs: M × i32 | high: 8 steps of 4 inputs: | M rows: | 4 × i8 | low: the same, 4 × u7 |
 *
 * The integer sum of a block stays below 2^23, and is exact. Blocks are added up in order, in float32, in every variant.
 */

/** Bytes of one block of one row of activations. */
export const int15BlockBytes = 72;

/** One row of activations: {@link defineRow}. Registers hold the sums of both planes, `y` those of all blocks. */
export const linearQ4FineRow: Kernel = defineRow(
  "linearQ4FineRow",
  q4BlockBytes,
  int15BlockBytes,
  (code, { weights, panel, y }) => {
    const highs = code.locals(4, "v128");
    const lows = code.locals(4, "v128");
    const [high, low] = [code.local("v128"), code.local("v128")];
    const packed = code.local("v128");
    const four = code.local("v128");
    const lowHalf = code.constant(i8x16.const(15));
    return {
      block: () => {
        for (const sum of highs) code.set(sum, v128.zero);
        for (const sum of lows) code.set(sum, code.loadSplat32(panel, 4));
        code.sumSmallDots([...highs, ...lows], (add) => {
          for (let step = 0; step < 8; step++) {
            code.set(high, code.loadSplat32(panel, 8 + step * 4));
            code.set(low, code.loadSplat32(panel, 40 + step * 4));
            for (let v = 0; v < 4; v++) {
              code.set(packed, code.load(weights, q4WeightsOffset + ((step >> 1) * 4 + v) * 16));
              code.set(four, v128.and(step % 2 === 0 ? packed : i16x8.shrU(packed, 4), lowHalf));
              add(highs[v]!, high, four);
              add(lows[v]!, low, four);
            }
          }
        });
        code.set(high, code.loadSplat32(panel));
        for (let v = 0; v < 4; v++) {
          const scale = f32x4.mul(loadFloat16(code, weights, v * 8), high);
          const sum = f32x4.convertI32(i32x4.add(i32x4.shl(highs[v]!, 7), lows[v]!));
          code.store(y, code.multiplyAdd(sum, scale, code.load(y, v * 16)), v * 16);
        }
      },
    };
  },
);

export const linearQ4FineRows: Kernel = defineQ4Rows(
  "linearQ4FineRows",
  defineTiles((rows) => defineQ4Tile("linearQ4FineTile", 2, rows)),
);
