import type { Code } from "../builder/code.ts";
import { defineInner, defineKernel, type WasmFunction } from "../builder/kernel.ts";
import { i32, i32x4, type Local, type Value, v128 } from "../builder/values.ts";
import { lineBytes, panelRows, roundUp } from "../layout.ts";

/**
 * Parameters of a tile: M rows of activations by half a group of outputs. `sums`, [M][8] f32, holds them before and after. `halfBytes` is where the half
 * begins in 16 numbers of four bytes, 0 or 32: for tiles that find it in the group themselves.
 */
export const tileParameters = {
  weights: "address",
  x: "address",
  sums: "address",
  blocks: "i32",
  halfBytes: "i32",
} as const;

/** The first or the last 8 outputs of a group. */
export type Half = 0 | 1;

/** A tile for each number of rows from 1 to `panelRows`. */
export type Tiles = readonly WasmFunction<typeof tileParameters>[];

export function defineTiles(tile: (rows: number) => WasmFunction<typeof tileParameters>): Tiles {
  return Array.from({ length: panelRows }, (_, i) => tile(i + 1));
}

/** Bytes of `scratch` that hold sums, [M][8] f32; what is expanded begins on a cache line. */
export const sumBytes: number = roundUp(panelRows * 32, lineBytes);

/**
 * Any number of rows of activations by one group of 16 outputs, one half of it after the other: a tile's registers hold five rows of
 * eight outputs.
 *
 * Parameters of the kernel: weights: of the group's first block; x: of the first tile's first block, tiles
 * `tileBytes` apart; the last tile has `rest` rows (0: there is none) and its first block at `restX`; y: [rows][16] f32, rows `stride`
 * bytes apart; start: what the sums begin with, rows `startStride` apart (0: one row for all, the bias); blocks: of 32 inputs; scratch:
 * the thread's, for sums and what is expanded of the weights.
 *
 * @param half - prepares the weights of half a group: given those of the group and room in scratch, says where the tile finds them
 */
export function defineRows(
  name: string,
  tiles: Tiles,
  half: (
    code: Code,
    half: Half,
    weights: Value<"address">,
    scratch: Value<"address">,
    blocks: Value<"i32">,
  ) => Value<"address">,
): WasmFunction {
  const parameters = {
    weights: "address",
    x: "address",
    tileBytes: "i32",
    wholeTiles: "i32",
    rest: "i32",
    restX: "address",
    start: "address",
    startStride: "i32",
    y: "address",
    stride: "i32",
    blocks: "i32",
    scratch: "address",
  } as const;
  return defineKernel(name, parameters, (code, given) => {
    const { x, tileBytes, wholeTiles, rest, restX, startStride, stride, blocks, scratch } = given;
    const panel = code.local("address");
    const start = code.local("address");
    const y = code.local("address");
    const room = code.local("address", code.offset(scratch, sumBytes));
    const weights = code.local("address");
    const halfBytes = code.local("i32", i32.const(0));
    const sumStride = i32.const(32);
    const compute = (rows: number, at: Value<"address">): void => {
      const count = i32.const(rows);
      code.call(moveRows, { from: start, fromStride: startStride, to: scratch, toStride: sumStride, rows: count });
      code.call(tiles[rows - 1]!, { weights, x: at, sums: scratch, blocks, halfBytes });
      code.call(moveRows, { from: scratch, fromStride: sumStride, to: y, toStride: stride, rows: count });
      code.advance(start, i32.mul(startStride, count));
      code.advance(y, i32.mul(stride, count));
    };
    const prepare = (which: Half) => (): void => code.set(weights, half(code, which, given.weights, room, blocks));
    // A loop, not twice the code: there is much of it.
    code.repeatAtLeastOnce(code.local("i32", i32.const(2)), () => {
      code.if(halfBytes, prepare(1), prepare(0));
      code.set(panel, x);
      code.set(start, code.offset(given.start, halfBytes));
      code.set(y, code.offset(given.y, halfBytes));
      code.repeat(wholeTiles, () => {
        compute(panelRows, panel);
        code.advance(panel, tileBytes);
      });
      for (let rows = 1; rows < panelRows; rows++) code.if(i32.eq(rest, i32.const(rows)), () => compute(rows, restX));
      code.set(halfBytes, i32.const(32));
    });
  });
}

/**
 * Sets integer sums to 128 · those of a block's high plane + those of its low one. In a loop: unrolled, tiles would be twice as long, and there are
 * many of them.
 *
 * @param first - of the two planes, 32 bytes a row
 * @param addPlane - adds a plane's products to the sums, and moves its place on to the next plane: step by step, since what V8 loads into all lanes of
 * 256 bits has its offset added by an instruction of its own, unless another load has the same one
 */
export function addTwoPlanes(
  code: Code,
  sums: readonly Local<"v128">[],
  first: Value<"address">,
  addPlane: (plane: Local<"address">) => void,
): void {
  const plane = code.local("address", first);
  const left = code.local("i32", i32.const(2));
  for (const sum of sums) code.set(sum, v128.zero);
  code.repeatAtLeastOnce(left, () => {
    for (const sum of sums) code.set(sum, i32x4.shl(sum, 7));
    addPlane(plane);
  });
}

/** Copies rows of eight numbers, one at least. */
const moveRows = defineInner(
  "moveRows",
  { from: "address", fromStride: "i32", to: "address", toStride: "i32", rows: "i32" },
  (code, { from, fromStride, to, toStride, rows }) => {
    const source = code.local("address", from);
    const target = code.local("address", to);
    code.repeatAtLeastOnce(code.local("i32", rows), () => {
      code.storePair(target, [code.load(source), code.load(source, 16)]);
      code.advance(source, fromStride);
      code.advance(target, toStride);
    });
  },
);
