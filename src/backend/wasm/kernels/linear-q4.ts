import { defineInner, type Kernel, type WasmFunction } from "../builder/kernel.ts";
import { f32x4, i8x16, i16x8, i32x4, type Local, type Value, v128 } from "../builder/values.ts";
import { loadFloat16 } from "./float16.ts";
import { defineRow } from "./linear-row.ts";
import { addTwoPlanes, defineRows, defineTiles, type Tiles, tileParameters } from "./linear-rows.ts";

/*
 * y = x · weightsᵀ + start, weights in 4 bits.
 *
 * Weights, for each group of 16 outputs and each block of 32 inputs (288 bytes):
 *
 *     | scale: 16 × f16 | 4 chunks of 8 inputs: | 4 vectors: | 4 outputs: | 4 bytes: input b, and input 4 + b in the upper half |
 *
 * A weight is scale · (its four bits - 8). Activations, for each tile of M rows and each block (40 · M bytes, made by `panelInt8`):
 *
 *     | scale: M × f32 | -8 · sum of the inputs: M × i32 | 8 steps of 4 inputs: | M rows: | 4 × i8 |
 *
 * The integer sum of a block is exact; blocks are added up in order, in float32, in every variant: so a row has the same bits whichever
 * kernel computes it.
 */
export const q4BlockBytes = 288;
export const q4WeightsOffset = 32;

/** Bytes of one block of one row of activations. */
export const int8BlockBytes = 40;

/** One row of activations: {@link defineRow}. */
export const linearQ4Row: Kernel = defineRow(
  "linearQ4Row",
  q4BlockBytes,
  int8BlockBytes,
  (code, { weights, panel }) => {
    const sums = code.locals(4, "v128");
    const integers = code.locals(4, "v128");
    const packed = code.local("v128");
    const [first, second] = [code.local("v128"), code.local("v128")];
    const lowHalf = code.constant(i8x16.const(15));
    return {
      sums,
      block: () => {
        for (const integer of integers) code.set(integer, code.loadSplat32(panel, 4));
        code.sumSmallDots(integers, (add) => {
          for (let chunk = 0; chunk < 4; chunk++) {
            code.set(first, code.loadSplat32(panel, 8 + chunk * 8));
            code.set(second, code.loadSplat32(panel, 12 + chunk * 8));
            for (const [v, integer] of integers.entries()) {
              code.set(packed, code.load(weights, q4WeightsOffset + (chunk * 4 + v) * 16));
              add(integer, first, v128.and(packed, lowHalf));
              add(integer, second, v128.and(i16x8.shrU(packed, 4), lowHalf));
            }
          }
        });
        code.set(first, code.loadSplat32(panel));
        for (const [v, integer] of integers.entries()) {
          const scale = f32x4.mul(loadFloat16(code, weights, v * 8), first);
          code.set(sums[v]!, code.multiplyAdd(f32x4.convertI32(integer), scale, sums[v]!));
        }
      },
    };
  },
);

/**
 * Half a group's weights, one byte each, with scales as f32; for each block (288 bytes):
 *
 *     | scale: 8 × f32 | 8 steps of 4 inputs: | 2 vectors: | 4 outputs: | 4 × u8 |
 */
const expandedBytes = 288;
const expandedOffset = 32;

function defineExpansion(half: 0 | 1): WasmFunction<typeof expansionParameters> {
  return defineInner(`expandQ4Half${half}`, expansionParameters, (code, { weights, expanded, blocks }) => {
    const w = code.local("address", weights);
    const to = code.local("address", expanded);
    const packed = code.local("v128");
    const lowHalf = code.constant(i8x16.const(15));
    code.repeat(blocks, () => {
      for (let v = 0; v < 2; v++) code.store(to, loadFloat16(code, w, (half * 2 + v) * 8), v * 16);
      for (let chunk = 0; chunk < 4; chunk++) {
        for (let v = 0; v < 2; v++) {
          code.set(packed, code.load(w, q4WeightsOffset + (chunk * 4 + half * 2 + v) * 16));
          code.store(to, v128.and(packed, lowHalf), expandedOffset + (chunk * 4 + v) * 16);
          code.store(to, v128.and(i16x8.shrU(packed, 4), lowHalf), expandedOffset + (chunk * 4 + 2 + v) * 16);
        }
      }
      code.advance(w, q4BlockBytes);
      code.advance(to, expandedBytes);
    });
  });
}

const expansionParameters = { weights: "address", expanded: "address", blocks: "i32" } as const;
const expansions = [defineExpansion(0), defineExpansion(1)] as const;

/** @param planes - of the activations: those of `linear-q4-fine.ts` have two, one after the other */
export function defineQ4Tile(name: string, planes: 1 | 2, rows: number): WasmFunction<typeof tileParameters> {
  return defineInner(`${name}${rows}`, tileParameters, (code, { weights, x, sums, blocks }) => {
    const w = code.local("address", weights);
    const panel = code.local("address", x);
    const vectors = code.locals(2, "v128");
    const integers = Array.from({ length: rows }, () => code.locals(2, "v128"));
    const input = code.local("v128");
    const correct = (combine: (sum: Local<"v128">) => Value<"v128">): void => {
      for (const [row, pair] of integers.entries()) {
        code.set(input, code.loadSplat32(panel, (rows + row) * 4));
        for (const sum of pair) code.set(sum, combine(sum));
      }
    };
    const addPlane = (plane: Value<"address">, offset: number): void => {
      code.sumSmallDots(integers.flat(), (add) => {
        for (let step = 0; step < 8; step++) {
          for (const [v, vector] of vectors.entries())
            code.set(vector, code.load(w, expandedOffset + (step * 2 + v) * 16));
          for (const [row, pair] of integers.entries()) {
            code.set(input, code.loadSplat32(plane, offset + (step * rows + row) * 4));
            for (const [v, integer] of pair.entries()) add(integer, input, vectors[v]!);
          }
        }
      });
    };
    code.repeat(blocks, () => {
      if (planes === 1) {
        correct(() => input);
        addPlane(panel, rows * 8);
      } else {
        addTwoPlanes(code, integers.flat(), code.offset(panel, rows * 8), rows, (plane) => addPlane(plane, 0));
        correct((sum) => i32x4.add(sum, input));
      }
      for (const [v, vector] of vectors.entries()) code.set(vector, code.load(w, v * 16));
      for (const [row, pair] of integers.entries()) {
        code.set(input, code.loadSplat32(panel, row * 4));
        for (const [v, integer] of pair.entries()) {
          const offset = (row * 2 + v) * 16;
          const scale = f32x4.mul(vectors[v]!, input);
          code.store(sums, code.multiplyAdd(f32x4.convertI32(integer), scale, code.load(sums, offset)), offset);
        }
      }
      code.advance(w, expandedBytes);
      code.advance(panel, rows * (8 + planes * 32));
    });
  });
}

/** Several rows of activations; scratch holds half a group's expanded weights: 288 bytes a block. */
export function defineQ4Rows(name: string, tiles: Tiles): WasmFunction {
  return defineRows(name, [tiles, tiles], (code, half, weights, scratch, blocks) => {
    code.call(expansions[half], { weights, expanded: scratch, blocks });
    return scratch;
  });
}

export const linearQ4Rows: Kernel = defineQ4Rows(
  "linearQ4Rows",
  defineTiles((rows) => defineQ4Tile("linearQ4Tile", 1, rows)),
);
