import { expect, test } from "vitest";
import { inputs, type KernelHarness, operationHarnesses } from "../kernels/kernel-harness.ts";
import { type TileType, tileBytes, tileTokens, tileTypes } from "../kernels/tile-layout.ts";
import {
  cacheKernels,
  cacheScratchBytes,
  quantise,
  quantiseItem,
  rerotate,
  rerotateItem,
  writeCache,
  writeItem,
} from "./cache.ts";

const headDim = 20;
const width = 32;
const pairs = 9;

for (const harness of await operationHarnesses(cacheKernels)) {
  const { name, put, room, clear, lasting } = harness;

  test(`${name}: rows are written side by side, at any position, in steps of any size`, () => {
    for (const type of ["f32", "f16"] as const) {
      clear();
      const rows = {
        keys: inputs("normal", tileTokens * headDim, 1),
        values: inputs("normal", tileTokens * headDim, 2),
      };
      const whole = lasting.room(tileBytes(type, headDim));
      write(harness, type, whole, rows, [tileTokens]);
      const pieces = lasting.room(tileBytes(type, headDim));
      write(harness, type, pieces, rows, [1, 6, 120, 1]);
      const bytes = lasting.get(Uint8Array, whole, tileBytes(type, headDim));
      expect(lasting.get(Uint8Array, pieces, bytes.length)).toEqual(bytes);
      const NumberArray = type === "f32" ? Float32Array : Float16Array;
      const numbers = new NumberArray(bytes.buffer);
      // Position 77, channel 19: keys [16][width][8], values [width / 8][128][8].
      expect(numbers[tileTokens * width + (2 * tileTokens + 77) * 8 + 3]).toBe(
        NumberArray.of(rows.values[77 * headDim + 19]!)[0],
      );
      expect(numbers[(9 * width + 19) * 8 + 5]).toBe(NumberArray.of(rows.keys[77 * headDim + 19]!)[0]);
      expect(numbers.every((x) => Number.isFinite(x))).toBe(true);
    }
  });

  for (const type of tileTypes) {
    test(`${name}: keys of ${type} tiles turn by the difference of their angles`, () => {
      clear();
      const rows = {
        keys: inputs("normal", tileTokens * headDim, 1),
        values: inputs("normal", tileTokens * headDim, 2),
      };
      const before = inputs("normal", tileTokens * pairs, 3);
      const turn = inputs("normal", tileTokens * pairs, 4);
      const after = before.map((angle, i) => angle + turn[i]!);
      const [tile, expected] = [tileOf(harness, type, rows, before), tileOf(harness, type, rows, after)];
      const numbers = new Float64Array(rerotateItem.length);
      set(numbers, rerotateItem, {
        tile,
        cacheType: tileTypes.indexOf(type),
        tokens: tileTokens,
        cos: put(turn.map(Math.cos)),
        sin: put(turn.map(Math.sin)),
        headDim,
        pairs,
      });
      rerotate(harness.thread(room(cacheScratchBytes(headDim))), numbers, 0);
      const [got, wanted] = [keysOf(harness, type, tile), keysOf(harness, type, expected)];
      const largest = Math.max(...got.map((x, i) => Math.abs(x - wanted[i]!)));
      expect(largest).toBeLessThan({ f32: 1e-6, f16: 4e-3, q8: 0.06 }[type]);
      // Values stay.
      expect(lasting.get(Uint8Array, tile, tileBytes(type, headDim)).slice(-width)).toEqual(
        lasting.get(Uint8Array, expected, tileBytes(type, headDim)).slice(-width),
      );
    });
  }

  test(`${name}: only the first tokens turn`, () => {
    clear();
    const rows = { keys: inputs("normal", tileTokens * headDim, 1), values: inputs("normal", tileTokens * headDim, 2) };
    const tile = tileOf(harness, "f32", rows, new Float32Array(tileTokens * pairs));
    const before = keysOf(harness, "f32", tile);
    const numbers = new Float64Array(rerotateItem.length);
    const [cos, sin] = [put(new Float32Array(5 * pairs)), put(new Float32Array(5 * pairs).fill(1))];
    set(numbers, rerotateItem, { tile, cacheType: 0, tokens: 5, cos, sin, headDim, pairs });
    rerotate(harness.thread(room(cacheScratchBytes(headDim))), numbers, 0);
    const after = keysOf(harness, "f32", tile);
    const isOther = Array.from({ length: tileTokens }, (_, token) =>
      [0, 1].some((channel) => {
        const at = (Math.floor(token / 8) * width + channel) * 8 + (token % 8);
        return before[at] !== after[at];
      }),
    );
    expect(isOther.lastIndexOf(true)).toBe(4);
    expect(isOther.indexOf(false)).toBe(5);
  });
}

interface Rows {
  readonly keys: Float32Array;
  readonly values: Float32Array;
}

type Fields = Readonly<Record<string, number>>;

function set<F extends Fields>(
  numbers: Float64Array,
  fields: F,
  item: Record<Exclude<keyof F, "length">, number>,
): void {
  for (const [field, number] of Object.entries<number>(item)) numbers[fields[field]!] = number;
}

/** Writes rows of one head, so many at a time. */
function write(
  { thread, put, room }: KernelHarness,
  type: "f32" | "f16",
  tile: number,
  rows: Rows,
  steps: readonly number[],
  angles: Float32Array = new Float32Array(tileTokens * pairs),
): void {
  const [keys, values, cos, sin] = [rows.keys, rows.values, angles.map(Math.cos), angles.map(Math.sin)].map(put);
  const scratch = room(cacheScratchBytes(headDim));
  const numbers = new Float64Array(writeItem.length);
  let position = 0;
  for (const count of steps) {
    set(numbers, writeItem, {
      keys: keys! + position * headDim * 4,
      keyStride: headDim * 4,
      values: values! + position * headDim * 4,
      valueStride: headDim * 4,
      cos: cos! + position * pairs * 4,
      sin: sin! + position * pairs * 4,
      multipliers: 0,
      rows: count,
      position: 3 * tileTokens + position,
      keyValueHeads: 1,
      headDim,
      pairs,
      cacheType: tileTypes.indexOf(type),
      tile,
      tileStride: 0,
    });
    writeCache(thread(scratch), numbers, 0);
    position += count;
  }
}

/** @returns the address of a full tile */
function tileOf(harness: KernelHarness, type: TileType, rows: Rows, angles: Float32Array): number {
  const written = type === "q8" ? "f32" : type;
  const source = harness.lasting.room(tileBytes(written, headDim));
  write(harness, written, source, rows, [tileTokens], angles);
  if (type !== "q8") return source;
  const target = harness.lasting.room(tileBytes("q8", headDim));
  const numbers = new Float64Array(quantiseItem.length);
  set(numbers, quantiseItem, { source, target, headDim });
  quantise(harness.thread(harness.room(cacheScratchBytes(headDim))), numbers, 0);
  return target;
}

/** @returns a tile's keys as float32, [16][width][8] */
function keysOf({ kernels, put, room, get, lasting }: KernelHarness, type: TileType, tile: number): number[] {
  const count = tileTokens * width;
  if (type === "f32") return [...lasting.get(Float32Array, tile, count)];
  if (type === "f16") return [...lasting.get(Float16Array, tile, count)];
  const keys = room(count * 4);
  kernels.dequantiseKeys!(put(lasting.get(Uint8Array, tile, tileBytes(type, headDim))), keys, width);
  return [...get(Float32Array, keys, count)];
}
