import type { Code } from "../builder/code.ts";
import { defineInner, type Kernel, type WasmFunction } from "../builder/kernel.ts";
import { f32x4, i8x16, i16x8, i32x4, type Local, type Value, v128 } from "../builder/values.ts";
import { loadFloat16 } from "./float16.ts";
import { defineRow, type RowPlace } from "./linear-row.ts";
import { addTwoPlanes, defineRows, defineTiles, type Half, type Tiles, tileParameters } from "./linear-rows.ts";

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

/** Bytes of one block of one row of activations: in 8 bits, and in the 15 of `linear-q4-fine.ts`. */
export const int8BlockBytes = 40;
export const int15BlockBytes = 80;

/** Planes of activations: one of 8 bits, or a second one of 7 more. */
export type Planes = 1 | 2;

/** Where a row's planes begin in a block, behind its words. */
const planesOffset = { 1: 8, 2: 16 } as const;

/** One row of activations: {@link defineRow}. */
export function defineQ4Row(name: string, planes: Planes): Kernel {
  const panelBytes = planes === 1 ? int8BlockBytes : int15BlockBytes;
  return defineRow(name, { weights: q4BlockBytes, panel: panelBytes }, (code, place) => {
    const { weights, panel } = place;
    const products = rowProducts(code, planes, place);
    const sums = rowSums(code, planes, place);
    const input = code.local("v128");
    return {
      ...sums,
      block: () => {
        const integers = products(code.loadSplat32(panel, 4));
        code.set(input, code.loadSplat32(panel));
        sums.update((sum, v) => {
          const scale = f32x4.mul(loadFloat16(code, weights, v * 8), input);
          return code.multiplyAdd(f32x4.convertI32(integers[v]!), scale, sum);
        });
      },
    };
  });
}

export const linearQ4Row: Kernel = defineQ4Row("linearQ4Row", 1);

/** Where a row kernel's sums are: those of two planes take all registers, so that the sums of blocks stay in `y`. */
export interface RowSums {
  readonly sums?: readonly Local<"v128">[];
  /** Sets the sums, vector by vector, to what comes of them. */
  readonly update: (next: (sum: Value<"v128">, vector: number) => Value<"v128">) => void;
}

export function rowSums(code: Code, planes: Planes, { y }: RowPlace): RowSums {
  if (planes === 2) {
    return {
      update: (next) => {
        for (const pair of [0, 2]) {
          const sums = [pair, pair + 1].map((v) => next(code.load(y, v * 16), v));
          code.storePair(y, sums, pair * 16);
        }
      },
    };
  }
  const sums = code.locals(4, "v128");
  return {
    sums,
    update: (next) => {
      for (const [v, sum] of sums.entries()) code.set(sum, next(sum, v));
    },
  };
}

/** @returns what gives a block's integer sums of one row, four vectors, with the number that each begins with */
export function rowProducts(
  code: Code,
  planes: Planes,
  { weights, panel }: RowPlace,
): (start: Value<"v128">) => readonly Value<"v128">[] {
  const integers = code.locals(4, "v128");
  const highs = planes === 2 ? code.locals(4, "v128") : [];
  const inputs = code.locals(2, "v128");
  const [packed, weight] = [code.local("v128"), code.local("v128")];
  const lowHalf = code.constant(i8x16.const(15));
  const first = planesOffset[planes];
  /** The four bits of a step, of the two that share bytes. */
  const four = (step: number): Value<"v128"> => v128.and(step % 2 === 0 ? packed : i16x8.shrU(packed, 4), lowHalf);
  return (start) => {
    const addProducts = (add: (sum: Local<"v128">, signed: Value<"v128">, small: Value<"v128">) => void): void => {
      // Registers have room for two inputs: those of two steps, or both planes of one.
      for (let step = 0; step < 8; step += 3 - planes) {
        for (const [i, input] of inputs.entries())
          code.set(input, code.loadSplat32(panel, first + step * 4 + i * (planes === 1 ? 4 : 32)));
        for (const [v, integer] of integers.entries()) {
          code.set(packed, code.load(weights, q4WeightsOffset + ((step >> 1) * 4 + v) * 16));
          if (planes === 1) {
            add(integer, inputs[0]!, four(step));
            add(integer, inputs[1]!, four(step + 1));
          } else {
            code.set(weight, four(step));
            add(highs[v]!, inputs[0]!, weight);
            add(integer, inputs[1]!, weight);
          }
        }
      }
    };
    code.sumSmallDots([...integers, ...highs], addProducts, (i) => {
      if (start === v128.zero || i >= integers.length) return v128.zero;
      if (i === 0) code.set(inputs[0]!, start);
      return inputs[0]!;
    });
    return planes === 1 ? integers : integers.map((low, v) => i32x4.add(i32x4.shl(highs[v]!, 7), low));
  };
}

/**
 * Half a group's weights, one byte each, with scales as f32; for each block (288 bytes, or 320 with minima, of `linear-q4-k.ts`):
 *
 *     | scale: 8 × f32 | 8 steps of 4 inputs: | 2 vectors: | 4 outputs: | 4 × u8 | minimum / 8: 8 × f32 |
 */
export const expandedBytes = 288;
const expandedOffset = 32;

export const expansionParameters = { weights: "address", expanded: "address", blocks: "i32" } as const;

function defineExpansion(half: Half): WasmFunction<typeof expansionParameters> {
  return defineInner(`expandQ4Half${half}`, expansionParameters, (code, { weights, expanded, blocks }) => {
    const w = code.local("address", weights);
    const to = code.local("address", expanded);
    code.repeat(blocks, () => {
      const scales = [0, 1].map((v) => loadFloat16(code, w, (half * 2 + v) * 8));
      code.storePair(to, scales);
      expandFourBits(code, half, w, to);
      code.advance(w, q4BlockBytes);
      code.advance(to, expandedBytes);
    });
  });
}

/** Makes bytes of a block's half bytes. */
export function expandFourBits(code: Code, half: Half, weights: Value<"address">, to: Value<"address">): void {
  const packed = code.locals(2, "v128");
  const lowHalf = code.constant(i8x16.const(15));
  for (let chunk = 0; chunk < 4; chunk++) {
    for (const [v, vector] of packed.entries())
      code.set(vector, code.load(weights, q4WeightsOffset + (chunk * 4 + half * 2 + v) * 16));
    const lower = packed.map((vector) => v128.and(vector, lowHalf));
    const upper = packed.map((vector) => v128.and(i16x8.shrU(vector, 4), lowHalf));
    code.storePair(to, lower, expandedOffset + chunk * 64);
    code.storePair(to, upper, expandedOffset + chunk * 64 + 32);
  }
}

const expansions = [defineExpansion(0), defineExpansion(1)] as const;

/** @param hasMinima - a weight is scale · its four bits - minimum; else scale · (its four bits - 8) */
export function defineQ4Tile(
  name: string,
  planes: Planes,
  hasMinima: boolean,
  rows: number,
): WasmFunction<typeof tileParameters> {
  return defineInner(`${name}${rows}`, tileParameters, (code, { weights, x, sums, blocks }) => {
    const w = code.local("address", weights);
    const panel = code.local("address", x);
    const plane = code.local("address");
    const vectors = code.locals(2, "v128");
    const integers = Array.from({ length: rows }, () => code.locals(2, "v128"));
    const [input, shift] = [code.local("v128"), code.local("v128")];
    /** What the offset of the weights adds to a row's sums, of two vectors each. */
    const correction = (sum: number): Value<"v128"> => {
      if (sum % 2 === 0) code.set(input, code.loadSplat32(panel, (rows + (sum >> 1)) * 4));
      return input;
    };
    const addPlane = (plane: Local<"address">, start?: (sum: number) => Value<"v128">): void => {
      const addProducts = (add: (sum: Local<"v128">, signed: Value<"v128">, small: Value<"v128">) => void): void => {
        for (let step = 0; step < 8; step++) {
          for (const [v, vector] of vectors.entries())
            code.set(vector, code.load(w, expandedOffset + (step * 2 + v) * 16));
          for (const [row, pair] of integers.entries()) {
            code.set(input, code.loadSplat32(plane, row * 4));
            for (const [v, integer] of pair.entries()) add(integer, input, vectors[v]!);
          }
          code.advance(plane, rows * 4);
        }
      };
      code.sumSmallDots(integers.flat(), addProducts, start);
    };
    code.repeat(blocks, () => {
      if (planes === 1) {
        code.set(plane, code.offset(panel, rows * planesOffset[1]));
        addPlane(plane, hasMinima ? () => v128.zero : correction);
      } else {
        addTwoPlanes(code, integers.flat(), code.offset(panel, rows * planesOffset[2]), addPlane);
        if (!hasMinima) for (const [i, sum] of integers.flat().entries()) code.set(sum, i32x4.add(sum, correction(i)));
      }
      for (const [v, vector] of vectors.entries()) code.set(vector, code.load(w, v * 16));
      for (const [row, pair] of integers.entries()) {
        code.set(input, code.loadSplat32(panel, row * 4));
        if (hasMinima) code.set(shift, minimumFactor(input, code.loadSplat32(panel, (rows + row) * 4)));
        const sumOf = (integer: Value<"v128">, v: number): Value<"v128"> => {
          const scale = f32x4.mul(vectors[v]!, input);
          const sum = code.multiplyAdd(f32x4.convertI32(integer), scale, code.load(sums, (row * 2 + v) * 16));
          return hasMinima ? code.multiplyAdd(code.load(w, expandedBytes + v * 16), shift, sum) : sum;
        };
        code.storePair(sums, pair.map(sumOf), row * 32);
      }
      code.advance(w, hasMinima ? expandedBytes + 32 : expandedBytes);
      code.advance(panel, rows * (planesOffset[planes] + planes * 32));
    });
  });
}

/** What a block's minima, an eighth of them, are multiplied by: the activations' scale times -8 · their sum. */
export function minimumFactor(scale: Value<"v128">, sum: Value<"v128">): Value<"v128"> {
  return f32x4.mul(f32x4.convertI32(sum), scale);
}

/** Several rows of activations; scratch holds half a group's expanded weights. */
export function defineQ4Rows(
  name: string,
  tiles: Tiles,
  expand: readonly [WasmFunction<typeof expansionParameters>, WasmFunction<typeof expansionParameters>] = expansions,
): WasmFunction {
  return defineRows(name, [tiles, tiles], (code, half, weights, scratch, blocks) => {
    code.call(expand[half], { weights, expanded: scratch, blocks });
    return scratch;
  });
}

export const linearQ4Rows: Kernel = defineQ4Rows(
  "linearQ4Rows",
  defineTiles((rows) => defineQ4Tile("linearQ4Tile", 1, false, rows)),
);
