import type { Code } from "../builder/code.ts";
import { defineKernel, type Kernel, type WasmFunction } from "../builder/kernel.ts";
import { f32, f32x4, i8x16, i16x8, i32, i32x4, type Local, shuffle32, type Value, v128 } from "../builder/values.ts";
import { blockInputs } from "../layout.ts";
import { ownBits, secondShare } from "./linear-q4.ts";

/*
 * A row of activations becomes row `index` of a panel of `rows`: the form in which a matrix kernel reads several rows at once. The layouts
 * are drawn in `linear-q4.ts` (shared), `linear-q4-fine.ts` (int15), `linear-q8.ts` (int14) and `linear-float.ts` (float32). Inputs past `columns` are zero.
 *
 * row: [columns] f32; panel: of the row's tile; scratch: 128 bytes, for the last block where it is not whole.
 */
const panelParameters = {
  row: "address",
  panel: "address",
  index: "i32",
  rows: "i32",
  columns: "i32",
  scratch: "address",
} as const;

const vectorsInBlock = blockInputs / 4;

/**
 * Activations in pairs of integers that share a byte: scale = largest / (123 · 64), which leaves own bytes room for what a shared one takes or brings.
 *
 * The lattice of the pairs is that of u · (1, 7) + v · (9, -1), which are nearly at right angles: rounding u and v gives a point next to the nearest one.
 */
export const panelShared: Kernel = defineQuantisingPanel("panelShared", 123, 2 ** ownBits, {
  round: (code, values) => {
    const [u, v] = [code.local("v128"), code.local("v128")];
    for (let i = 0; i < vectorsInBlock; i += 2) {
      const [first, second] = [values[i]!, values[i + 1]!];
      code.set(u, integers(f32x4.add(first, f32x4.mul(second, code.constant(f32x4.const(9))))));
      code.set(v, integers(f32x4.sub(f32x4.mul(first, code.constant(f32x4.const(secondShare))), second)));
      code.set(first, i32x4.add(u, i32x4.add(i32x4.shl(v, 3), v)));
      code.set(second, i32x4.sub(i32x4.sub(i32x4.shl(u, 3), u), v));
    }
  },
  store: (code, values, place) => {
    storeSum(code, values, place, 1);
    const shared = code.locals(vectorsInBlock / 2, "v128");
    for (const [i, share] of shared.entries()) {
      const [first, second] = [values[i * 2]!, values[i * 2 + 1]!];
      // The lowest bits of the first, from -32 to 31; what is left of both is a multiple of 64.
      code.set(share, i32x4.shrS(i32x4.shl(first, 32 - ownBits), 32 - ownBits));
      code.set(first, i32x4.shrS(i32x4.sub(first, share), ownBits));
      code.set(second, i32x4.shrS(i32x4.sub(i32x4.add(second, share), i32x4.shl(share, 3)), ownBits));
    }
    const to = code.local("address", firstWord(code, place, 2));
    storePlane(code, values, to, place.rows);
    storeBytes(code, shared, to, place.rows);
    return to;
  },
});

/** Activations in 15 bits, a plane of 8 with a sign and one of 7: scale = largest / 16383. */
export const panelInt15: Kernel = defineQuantisingPanel("panelInt15", 16383, 1, {
  round,
  store: (code, values, place) => {
    storeSum(code, values, place, 1);
    storeSum(code, values.slice(0, vectorsInBlock / 2), place, 2);
    storeSum(code, values.slice(vectorsInBlock / 2), place, 3);
    const to = code.local("address", firstWord(code, place, 4));
    const high = values.map((value) => i32x4.shrS(value, 7));
    storePlane(code, high, to, place.rows);
    const low = values.map((value) => v128.and(value, code.constant(i32x4.const(127))));
    storePlane(code, low, to, place.rows);
    return to;
  },
});

/** Activations in 14 bits, as two planes of 7: scale = largest / 8191. */
export const panelInt14: Kernel = defineQuantisingPanel("panelInt14", 8191, 1, {
  round,
  store: (code, values, place) => {
    const to = code.local("address", firstWord(code, place, 1));
    for (const value of values) code.set(value, i32x4.add(value, code.constant(i32x4.const(8192))));
    const high = values.map((value) => i32x4.shrU(value, 7));
    storePlane(code, high, to, place.rows);
    const low = values.map((value) => v128.and(value, code.constant(i32x4.const(127))));
    storePlane(code, low, to, place.rows);
    return to;
  },
});

/** Where the row's words begin in a block, behind as many words of all rows. */
function firstWord(code: Code, { panel, index, rows }: PanelPlace, wordsBefore: 1 | 2 | 3 | 4): Value<"address"> {
  const before = i32.mul(rows, i32.const(wordsBefore));
  return code.offset(panel, i32.shl(i32.add(before, index), i32.const(2)));
}

/** Stores -8 · a sum of integers behind so many words: what weights that are four bits less 8 add. */
function storeSum(code: Code, values: readonly Value<"v128">[], place: PanelPlace, wordsBefore: 1 | 2 | 3): void {
  const sum = code.local(
    "v128",
    values.reduce((total, value) => i32x4.add(total, value)),
  );
  code.set(sum, i32x4.add(sum, shuffle32(sum, sum, [2, 3, 0, 1])));
  code.set(sum, i32x4.add(sum, shuffle32(sum, sum, [1, 0, 3, 2])));
  code.storeI32(firstWord(code, place, wordsBefore), i32.mul(i32x4.extractLane(sum, 0), i32.const(-8)));
}

/** Stores a block's integers, [8 vectors], as bytes, four to a word, a word in every `rows`. */
function storePlane(code: Code, values: readonly Value<"v128">[], to: Local<"address">, rows: Value<"i32">): void {
  for (let half = 0; half < 2; half++) storeBytes(code, values.slice(half * 4, half * 4 + 4), to, rows);
}

/** Stores four vectors of integers as bytes. */
function storeBytes(code: Code, values: readonly Value<"v128">[], to: Local<"address">, rows: Value<"i32">): void {
  const [a, b, c, d] = values as [Value<"v128">, Value<"v128">, Value<"v128">, Value<"v128">];
  const bytes = code.local("v128", i8x16.narrowI16(i16x8.narrowI32(a, b), i16x8.narrowI32(c, d)));
  for (let lane = 0; lane < 4; lane++) {
    code.store32Lane(to, bytes, lane);
    code.advance(to, i32.shl(rows, i32.const(2)));
  }
}

/** Numbers rounded to the nearest integers, ties to even. */
function integers(value: Value<"v128">): Value<"v128"> {
  return i32x4.truncF32(f32x4.nearest(value));
}

/** Rounds every number by itself. */
function round(code: Code, values: readonly Local<"v128">[]): void {
  for (const value of values) code.set(value, integers(value));
}

interface PanelPlace {
  /** Of the block. */
  readonly panel: Value<"address">;
  readonly index: Value<"i32">;
  readonly rows: Value<"i32">;
}

/** How a block's numbers become integers, and where these go. */
interface Quantising {
  /** Makes integers of numbers from -`largest` to `largest`, in place. */
  readonly round: (code: Code, values: readonly Local<"v128">[]) => void;
  /**
   * Stores a block's 32 integers, [8 vectors]; returns the address of what would come next in the row's column of words, from which the next block's is
   * found.
   */
  readonly store: (code: Code, values: readonly Local<"v128">[], place: PanelPlace) => Local<"address">;
}

/** @param steps - to which an integer has 1 of the numbers from -`largest` to `largest` */
function defineQuantisingPanel(
  name: string,
  largest: number,
  steps: number,
  { round, store }: Quantising,
): WasmFunction {
  return defineKernel(name, panelParameters, (code, { row, panel, index, rows, columns, scratch }) => {
    const place = code.local("address", panel);
    const values = code.locals(vectorsInBlock, "v128");
    forBlocks(code, row, columns, scratch, (from) => {
      for (const [i, value] of values.entries()) code.set(value, code.load(from, i * 16));
      // Magnitudes are in the order of their bits, and what is no number is above all: it must not be lost, as `pmax` would.
      const peak = code.local("v128", f32x4.abs(values[0]!));
      for (const value of values.slice(1)) code.set(peak, i32x4.maxS(peak, f32x4.abs(value)));
      code.set(peak, i32x4.maxS(peak, shuffle32(peak, peak, [2, 3, 0, 1])));
      code.set(peak, i32x4.maxS(peak, shuffle32(peak, peak, [1, 0, 3, 2])));
      const top = code.local("f32", f32x4.extractLane(peak, 0));
      // A quotient that overflows or is no number gives zeros, never an integer that does not fit.
      const inverse = code.local("f32", f32.div(f32.const(largest), top));
      code.if(f32.gt(inverse, f32.const(3e38)), () => code.set(inverse, f32.const(0)));
      code.storeF32(code.offset(place, i32.shl(index, i32.const(2))), f32.div(top, f32.const(largest * steps)));
      for (const value of values) code.set(value, f32x4.mul(value, f32x4.splat(inverse)));
      round(code, values);
      const next = store(code, values, { panel: place, index, rows });
      code.set(place, next);
      // The next block begins where this row's words would go on, less the row's own place.
      code.set(place, code.back(place, i32.shl(index, i32.const(2))));
    });
  });
}

/** Activations as they are, [inputs][rows]. */
export const panelFloat32: Kernel = defineKernel(
  "panelFloat32",
  panelParameters,
  (code, { row, panel, index, rows, columns, scratch }) => {
    const to = code.local("address", code.offset(panel, i32.shl(index, i32.const(2))));
    const value = code.local("v128");
    forBlocks(code, row, columns, scratch, (from) => {
      for (let i = 0; i < vectorsInBlock; i++) {
        code.set(value, code.load(from, i * 16));
        for (let lane = 0; lane < 4; lane++) {
          code.store32Lane(to, value, lane);
          code.advance(to, i32.shl(rows, i32.const(2)));
        }
      }
    });
  },
);

/** Runs the body for every block of 32 numbers of a row; a last one that is not whole is completed by zeros in scratch. */
function forBlocks(
  code: Code,
  row: Value<"address">,
  columns: Value<"i32">,
  scratch: Value<"address">,
  body: (from: Value<"address">) => void,
): void {
  const from = code.local("address", row);
  const rest = code.local("i32", i32.and(columns, i32.const(blockInputs - 1)));
  const whole = i32.shrU(columns, i32.const(Math.log2(blockInputs)));
  const turns = code.local("i32", whole);
  code.if(rest, () => code.set(turns, i32.add(turns, i32.const(1))));
  const left = code.local("i32", turns);
  code.if(left, () =>
    code.repeatAtLeastOnce(left, () => {
      code.if(i32.and(i32.eq(left, i32.const(1)), i32.gtS(rest, i32.const(0))), () => {
        for (let i = 0; i < vectorsInBlock; i++) code.store(scratch, v128.zero, i * 16);
        const to = code.local("address", scratch);
        code.repeat(rest, () => {
          code.storeF32(to, code.loadF32(from));
          code.advance(to, 4);
          code.advance(from, 4);
        });
        code.set(from, scratch);
      });
      body(from);
      code.advance(from, blockInputs * 4);
    }),
  );
}
