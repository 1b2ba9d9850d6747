import type { Code } from "../builder/code.ts";
import { defineInner, type Kernel, type WasmFunction } from "../builder/kernel.ts";
import { f32x4, i32, i32x4, type Value, v128 } from "../builder/values.ts";
import { loadFloat16 } from "./float16.ts";
import { defineRow, storeGroup } from "./linear-row.ts";
import { addTwoPlanes, defineRows, defineTiles, tileParameters } from "./linear-rows.ts";

/*
 * y = x · weightsᵀ + start, weights in 8 bits. They meet activations of 14 bits, as two planes of 7: a dot product of bytes wants 7 bits on one side, and
 * two of them cost less than one of 16-bit numbers, to which the weights would have to be widened.
 *
 * Weights, for each group of 16 outputs and each block of 32 inputs (576 bytes):
 *
 *     | scale: 16 × f16 | sum of the weights: 16 × i16 | 8 steps of 4 inputs: | 4 vectors: | 4 outputs: | 4 × i8 |
 *
 * Activations, for each tile of M rows and each block (68 · M bytes, made by `panelInt14`); an input is 128 · high + low - 8192:
 *
 *     | scale: M × f32 | high: 8 steps of 4 inputs: | M rows: | 4 × u7 | low: the same |
 *
 * With |weight| ≤ 128 the integer sum of a block stays below 2^26, and is exact. Blocks are added up in order, in float32, in every variant.
 */
export const q8BlockBytes = 576;
const sumsOffset = 32;
export const q8WeightsOffset = 64;

/** Bytes of one block of one row of activations. */
export const int14BlockBytes = 68;

/** One row of activations: {@link defineRow}. Registers hold the sums of both planes, `y` those of all blocks. */
export const linearQ8Row: Kernel = defineRow(
  "linearQ8Row",
  { weights: q8BlockBytes, panel: int14BlockBytes },
  (code, { weights, panel, y }) => {
    const highs = code.locals(4, "v128");
    const lows = code.locals(4, "v128");
    const [high, low] = [code.local("v128"), code.local("v128")];
    const weight = code.local("v128");
    return {
      block: () => {
        for (const [v, sum] of highs.entries()) code.set(sum, offsetOf(code, weights, v));
        for (const sum of lows) code.set(sum, v128.zero);
        for (let step = 0; step < 8; step++) {
          code.set(high, code.loadSplat32(panel, 4 + step * 4));
          code.set(low, code.loadSplat32(panel, 36 + step * 4));
          for (let v = 0; v < 4; v++) {
            code.set(weight, code.load(weights, q8WeightsOffset + (step * 4 + v) * 16));
            code.set(highs[v]!, code.dotBytes(weight, high, highs[v]!));
            code.set(lows[v]!, code.dotBytes(weight, low, lows[v]!));
          }
        }
        code.set(high, code.loadSplat32(panel));
        const sums = highs.map((sum, v) => {
          const scale = f32x4.mul(loadFloat16(code, weights, v * 8), high);
          const integer = f32x4.convertI32(i32x4.add(i32x4.shl(sum, 7), lows[v]!));
          return code.multiplyAdd(integer, scale, code.load(y, v * 16));
        });
        storeGroup(code, y, sums);
      },
    };
  },
);

/** What the offset of the activations adds up to, in units of the high plane: -64 · sum of the weights. */
function offsetOf(code: Code, weights: Value<"address">, vector: number): Value<"v128"> {
  return i32x4.sub(v128.zero, i32x4.shl(code.load16x4(weights, sumsOffset + vector * 8), 6));
}

/**
 * The registers hold one sum for each row and vector, so the planes come one after the other. A half of the scales and of the sums of weights is 16 bytes
 * of 32, a half of a step of weights 32 bytes of 64.
 */
function defineTile(rows: number): WasmFunction<typeof tileParameters> {
  return defineInner(`linearQ8Tile${rows}`, tileParameters, (code, { weights, x, sums, blocks, halfBytes }) => {
    const w = code.local("address", code.offset(weights, halfBytes));
    const scales = code.local("address", code.offset(weights, i32.shrU(halfBytes, i32.const(1))));
    const panel = code.local("address", x);
    const vectors = code.locals(2, "v128");
    const integers = Array.from({ length: rows }, () => code.locals(2, "v128"));
    const input = code.local("v128");
    code.repeat(blocks, () => {
      addTwoPlanes(code, integers.flat(), code.offset(panel, rows * 4), (plane) => {
        for (let step = 0; step < 8; step++) {
          for (const [v, vector] of vectors.entries())
            code.set(vector, code.load(w, q8WeightsOffset + (step * 4 + v) * 16));
          for (const [row, pair] of integers.entries()) {
            code.set(input, code.loadSplat32(plane, row * 4));
            for (const [v, sum] of pair.entries()) code.set(sum, code.dotBytes(vectors[v]!, input, sum));
          }
          code.advance(plane, rows * 4);
        }
      });
      for (const [v, vector] of vectors.entries()) {
        code.set(vector, i32x4.shl(offsetOf(code, scales, v), 7));
        for (const pair of integers) code.set(pair[v]!, i32x4.add(pair[v]!, vector));
      }
      for (const [v, vector] of vectors.entries()) code.set(vector, loadFloat16(code, scales, v * 8));
      for (const [row, pair] of integers.entries()) {
        code.set(input, code.loadSplat32(panel, row * 4));
        const sumOf = (integer: Value<"v128">, v: number): Value<"v128"> =>
          code.multiplyAdd(
            f32x4.convertI32(integer),
            f32x4.mul(vectors[v]!, input),
            code.load(sums, (row * 2 + v) * 16),
          );
        code.storePair(sums, pair.map(sumOf), row * 32);
      }
      for (const address of [w, scales]) code.advance(address, q8BlockBytes);
      code.advance(panel, rows * int14BlockBytes);
    });
  });
}

/** Several rows of activations. */
export const linearQ8Rows: Kernel = defineRows("linearQ8Rows", defineTiles(defineTile), (_, __, weights) => weights);
