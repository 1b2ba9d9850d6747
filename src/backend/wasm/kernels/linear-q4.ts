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
 * A weight is scale · (its four bits - 8). Activations, for each tile of M rows and each block (56 · M bytes, made by `panelShared`):
 *
 *     | scale: M × f32 | -8 · sum of the inputs: M × i32 | own: 8 steps of 4 inputs: | M rows: | 4 × i8 |
 *     |                                                  | shared: 4 chunks of 8 inputs: | M rows: | 4 × i8 |
 *
 * Inputs b and 4 + b of a chunk are a pair, 64 · own + shared and 64 · own + 7 · shared. Such pairs of integers are a lattice, one point to 64, which is
 * nearly square: an input has 14 bits, in steps of 8 on average, for one dot product of bytes in place of the two that 14 bits take with any weights. For
 * the shared byte meets lower + 7 · upper, of the two weights that a byte has: at most 120, which is still on the small side of the dot product.
 *
 * The integer sum of a block stays below 2^23, and is exact; blocks are added up in order, in float32, in every variant: so a row has the same bits
 * whichever kernel computes it.
 */
export const q4BlockBytes = 288;
export const q4WeightsOffset = 32;

/** How 4-bit weights meet activations: in pairs that share a byte, or in the 15 bits of `linear-q4-fine.ts`. */
export type Q4Activations = "shared" | "int15";

/** Bytes of one block of one row of activations. */
export const sharedBlockBytes = 56;
export const int15BlockBytes = 80;

/** Where a row's own and shared bytes begin in a block, and its two planes of 15 bits. */
const ownOffset = 8;
const sharedOffset = 40;
const planesOffset = 16;

/** An input is so many, as a power of two, times its own byte; and the second of a pair has the shared byte so many times. */
export const ownBits = 6;
export const secondShare = 7;

function panelBytes(activations: Q4Activations): number {
  return activations === "shared" ? sharedBlockBytes : int15BlockBytes;
}

/** One row of activations: {@link defineRow}. */
export function defineQ4Row(name: string, activations: Q4Activations): Kernel {
  return defineRow(name, { weights: q4BlockBytes, panel: panelBytes(activations) }, (code, place) => {
    const { weights, panel } = place;
    const products = rowProducts[activations](code, place);
    const input = code.local("v128");
    return {
      block: () => {
        const integers = products(code.loadSplat32(panel, 4));
        code.set(input, code.loadSplat32(panel));
        updateSums(code, place, (sum, v) => {
          const scale = f32x4.mul(loadFloat16(code, weights, v * 8), input);
          return code.multiplyAdd(f32x4.convertI32(integers[v]!), scale, sum);
        });
      },
    };
  });
}

export const linearQ4Row: Kernel = defineQ4Row("linearQ4Row", "shared");

/** Sets a row kernel's sums to what comes of them, vector by vector. They stay in `y`: integers take all registers. */
export function updateSums(
  code: Code,
  { y }: RowPlace,
  next: (sum: Value<"v128">, vector: number) => Value<"v128">,
): void {
  for (const pair of [0, 2]) {
    const sums = [pair, pair + 1].map((v) => next(code.load(y, v * 16), v));
    code.storePair(y, sums, pair * 16);
  }
}

/** Gives a block's integer sums of one row, four vectors, with the number that each begins with. */
type RowProducts = (start?: Value<"v128">) => readonly Value<"v128">[];

/** Integers as two sums, a higher one and a lower one; for each kind of activations. */
export const rowProducts: Readonly<Record<Q4Activations, (code: Code, place: RowPlace) => RowProducts>> = {
  shared: (code, { weights, panel }) => {
    const [owns, shares] = [code.locals(4, "v128"), code.locals(4, "v128")];
    const [first, second, shared] = [code.local("v128"), code.local("v128"), code.local("v128")];
    const [packed, lower, upper] = [code.local("v128"), code.local("v128"), code.local("v128")];
    const lowHalf = code.constant(i8x16.const(15));
    return beginningWith(code, owns, shares, ownBits, (add) => {
      for (let chunk = 0; chunk < 4; chunk++) {
        code.set(first, code.loadSplat32(panel, ownOffset + chunk * 8));
        code.set(second, code.loadSplat32(panel, ownOffset + chunk * 8 + 4));
        code.set(shared, code.loadSplat32(panel, sharedOffset + chunk * 4));
        for (let v = 0; v < 4; v++) {
          code.set(packed, code.load(weights, q4WeightsOffset + (chunk * 4 + v) * 16));
          code.set(lower, v128.and(packed, lowHalf));
          code.set(upper, v128.and(i16x8.shrU(packed, 4), lowHalf));
          add(owns[v]!, first, lower);
          add(owns[v]!, second, upper);
          add(shares[v]!, shared, sharedWeights(packed, lower, upper));
        }
      }
    });
  },
  int15: (code, { weights, panel }) => {
    const [highs, lows] = [code.locals(4, "v128"), code.locals(4, "v128")];
    const [high, low, weight] = [code.local("v128"), code.local("v128"), code.local("v128")];
    const lowHalf = code.constant(i8x16.const(15));
    return beginningWith(code, highs, lows, 7, (add) => {
      for (let step = 0; step < 8; step++) {
        code.set(high, code.loadSplat32(panel, planesOffset + step * 4));
        code.set(low, code.loadSplat32(panel, planesOffset + 32 + step * 4));
        for (let v = 0; v < 4; v++) {
          const packed = code.load(weights, q4WeightsOffset + ((step >> 1) * 4 + v) * 16);
          code.set(weight, v128.and(step % 2 === 0 ? packed : i16x8.shrU(packed, 4), lowHalf));
          add(highs[v]!, high, weight);
          add(lows[v]!, low, weight);
        }
      }
    });
  },
};

/** @param bits - by which the higher sums are above the lower ones */
function beginningWith(
  code: Code,
  higher: readonly Local<"v128">[],
  lower: readonly Local<"v128">[],
  bits: number,
  body: Parameters<Code["sumSmallDots"]>[1],
): RowProducts {
  const first = code.local("v128");
  return (start) => {
    code.sumSmallDots([...higher, ...lower], body, (i) => {
      if (!start || i < higher.length) return undefined;
      if (i === higher.length) code.set(first, start);
      return first;
    });
    return lower.map((sum, v) => i32x4.add(i32x4.shl(higher[v]!, bits), sum));
  };
}

/**
 * What shared bytes meet: lower + 7 · upper, byte by byte. The average of lower + 16 · upper, which is how they are kept, and lower is lower + 8 · upper:
 * one operation where a shift and an addition would be two. Nothing is borrowed from the next byte.
 */
function sharedWeights(packed: Value<"v128">, lower: Value<"v128">, upper: Value<"v128">): Value<"v128"> {
  return i32x4.sub(i8x16.avgrU(packed, lower), upper);
}

/**
 * Half a group's weights, one byte each, with scales as f32; for each block (416 bytes, or 448 with minima, of `linear-q4-k.ts`):
 *
 *     | scale: 8 × f32 | 8 steps of 4 inputs: | 2 vectors: | 4 outputs: | 4 × u8 | 4 chunks of 8 inputs: | the same of lower + 7 · upper |
 *     | minimum / 8: 8 × f32 |
 */
export const expandedBytes = 416;
const expandedOffset = 32;
const sharedWeightsOffset = 288;

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
  const [packed, lower, upper] = [code.locals(2, "v128"), code.locals(2, "v128"), code.locals(2, "v128")];
  const lowHalf = code.constant(i8x16.const(15));
  for (let chunk = 0; chunk < 4; chunk++) {
    for (const [v, vector] of packed.entries())
      code.set(vector, code.load(weights, q4WeightsOffset + (chunk * 4 + half * 2 + v) * 16));
    for (const [v, vector] of lower.entries()) code.set(vector, v128.and(packed[v]!, lowHalf));
    for (const [v, vector] of upper.entries()) code.set(vector, v128.and(i16x8.shrU(packed[v]!, 4), lowHalf));
    code.storePair(to, lower, expandedOffset + chunk * 64);
    code.storePair(to, upper, expandedOffset + chunk * 64 + 32);
    const shared = lower.map((vector, v) => sharedWeights(packed[v]!, vector, upper[v]!));
    code.storePair(to, shared, sharedWeightsOffset + chunk * 32);
  }
}

const expansions = [defineExpansion(0), defineExpansion(1)] as const;

/** @param hasMinima - a weight is scale · its four bits - minimum; else scale · (its four bits - 8) */
export function defineQ4Tile(
  name: string,
  activations: Q4Activations,
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
    /** Adds the products of so many steps of weights and of inputs, whose place it moves on. */
    const addSteps = (
      steps: number,
      first: number,
      inputs: Local<"address">,
      start?: (sum: number) => Value<"v128"> | undefined,
    ): void => {
      const addProducts = (add: (sum: Local<"v128">, signed: Value<"v128">, small: Value<"v128">) => void): void => {
        for (let step = 0; step < steps; step++) {
          for (const [v, vector] of vectors.entries()) code.set(vector, code.load(w, first + (step * 2 + v) * 16));
          for (const [row, pair] of integers.entries()) {
            code.set(input, code.loadSplat32(inputs, row * 4));
            for (const [v, integer] of pair.entries()) add(integer, input, vectors[v]!);
          }
          code.advance(inputs, rows * 4);
        }
      };
      code.sumSmallDots(integers.flat(), addProducts, start);
    };
    const flat = integers.flat();
    code.repeat(blocks, () => {
      if (activations === "shared") {
        code.set(plane, code.offset(panel, rows * ownOffset));
        addSteps(8, expandedOffset, plane, () => undefined);
        addSteps(4, sharedWeightsOffset, plane, (i) => {
          const moved = i32x4.shl(flat[i]!, ownBits);
          return hasMinima ? moved : i32x4.add(moved, correction(i));
        });
      } else {
        addTwoPlanes(code, flat, code.offset(panel, rows * planesOffset), (place) =>
          addSteps(8, expandedOffset, place),
        );
        if (!hasMinima) for (const [i, sum] of flat.entries()) code.set(sum, i32x4.add(sum, correction(i)));
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
      code.advance(panel, rows * panelBytes(activations));
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
  return defineRows(name, tiles, (code, half, weights, scratch, blocks) => {
    code.call(expand[half], { weights, expanded: scratch, blocks });
    return scratch;
  });
}

export const linearQ4Rows: Kernel = defineQ4Rows(
  "linearQ4Rows",
  defineTiles((rows) => defineQ4Tile("linearQ4Tile", "shared", false, rows)),
);
