import type { Kernel } from "../builder/kernel.ts";
import { dequantiseKeys } from "../kernels/dequantise-keys.ts";
import { narrowHalves } from "../kernels/narrow-halves.ts";
import { quantiseKeys } from "../kernels/quantise-keys.ts";
import { quantiseValues } from "../kernels/quantise-values.ts";
import { paddedWidth, tileBytes, tileTokens, tileTypes, valuesOffset } from "../kernels/tile-layout.ts";
import { turnKeys } from "../kernels/turn-keys.ts";
import { widenHalves } from "../kernels/widen-halves.ts";
import { writeKeysF16, writeKeysF32 } from "../kernels/write-keys.ts";
import { writeValuesF16, writeValuesF32 } from "../kernels/write-values.ts";
import { lineBytes, roundUp } from "../layout.ts";
import { deskBytes } from "../other-memories.ts";
import type { Kernels, Thread } from "../thread.ts";

/** The functions of a module that the cache's operations call, by their kernels' names. */
type CacheKernels = Readonly<
  Record<
    | "writeKeysF32"
    | "writeKeysF16"
    | "writeValuesF32"
    | "writeValuesF16"
    | "quantiseKeys"
    | "quantiseValues"
    | "dequantiseKeys"
    | "widenHalves"
    | "narrowHalves"
    | "turnKeys",
    (...numbers: number[]) => void
  >
>;

export const cacheKernels: readonly Kernel[] = [
  writeKeysF32,
  writeKeysF16,
  writeValuesF32,
  writeValuesF16,
  quantiseKeys,
  quantiseValues,
  dequantiseKeys,
  widenHalves,
  narrowHalves,
  turnKeys,
];

/** An item of {@link writeCache}, number by number: rows of one sequence that lie in one tile. Addresses and strides are in bytes. */
export const writeItem = {
  /** Addresses of the first row of keys, not rotated, and of values, all heads. */
  keys: 0,
  keyStride: 1,
  values: 2,
  valueStride: 3,
  /** Addresses of the first row of cosines and sines, [rows, pairs]. */
  cos: 4,
  sin: 5,
  /** Address of what to multiply the keys' channels by, [keyValueHeads, headDim], or 0. */
  multipliers: 6,
  rows: 7,
  /** The first row's. */
  position: 8,
  keyValueHeads: 9,
  headDim: 10,
  /** Rotated pairs of channels; 0: none. */
  pairs: 11,
  /** Index in `tileTypes`: f32 or f16. What is to become a q8 tile is written as an f32 tile. */
  cacheType: 12,
  /** Address of head 0's tile, and bytes from head to head. */
  tile: 13,
  tileStride: 14,
  length: 15,
} as const;

/** An item of {@link quantise}: one tile. */
export const quantiseItem = {
  /** Address of an f32 tile. */
  source: 0,
  /** Address of a q8 tile. */
  target: 1,
  headDim: 2,
  length: 3,
} as const;

/** An item of {@link rerotate}: one tile. */
export const rerotateItem = {
  tile: 0,
  /** Index in `tileTypes`. */
  cacheType: 1,
  /** How many keys to turn, the first ones. */
  tokens: 2,
  /** Addresses of the cosines and sines of the angles to turn by, [tokens, pairs]. */
  cos: 3,
  sin: 4,
  headDim: 5,
  pairs: 6,
  length: 7,
} as const;

/** @returns bytes that the cache's operations need, for each thread: the keys, or the values, of an f32 tile; and a tile that goes to another memory */
export function cacheScratchBytes(headDim: number): number {
  return valuesOffset("f32", headDim) + Math.max(valuesOffset("f32", headDim), tileBytes("q8", headDim));
}

/*
 * Rows of a tile in another memory go to the thread's desk there, as many at a time as there is room for:
 *
 *     | a row for the kernels | multipliers | keys: n rows | values: n rows | cosines: n rows | sines: n rows |
 *
 * There is room for one at least: a cache that may lie there has no more channels than `mostInputs`.
 */

/**
 * Rotates rows of keys, and puts them and rows of values into the cache.
 *
 * @param thread - has scratch of {@link cacheScratchBytes}
 * @param numbers - holds the item at `at`; see {@link writeItem}
 */
export function writeCache({ kernels, others, scratch }: Thread, numbers: Float64Array, at: number): void {
  const item = (field: Exclude<keyof typeof writeItem, "length">) => numbers[at + writeItem[field]]!;
  const [rows, multipliers] = [item("rows"), item("multipliers")];
  const [keys, values, cos, sin] = [item("keys"), item("values"), item("cos"), item("sin")];
  const other = others.at(item("tile"));
  if (!other) {
    writeRows(kernels, numbers, at, { first: 0, rows, keys, values, cos, sin, multipliers, row: scratch });
    return;
  }
  const { desk, put } = other;
  const angleBytes = item("pairs") * 4;
  const multiplierPlace = desk + roundUp(paddedWidth(item("headDim")) * 4, lineBytes);
  const multiplierBytes = multipliers === 0 ? 0 : item("keyValueHeads") * item("headDim") * 4;
  put(multiplierPlace, multipliers, multiplierBytes);
  const rowsPlace = multiplierPlace + roundUp(multiplierBytes, lineBytes);
  const rowBytes = item("keyStride") + item("valueStride") + 2 * angleBytes;
  const most = Math.floor((desk + deskBytes - rowsPlace) / rowBytes);
  for (let first = 0; first < rows; first += most) {
    const count = Math.min(most, rows - first);
    let next = rowsPlace;
    const bring = (address: number, bytes: number): number => {
      const place = next;
      put(place, address + first * bytes, count * bytes);
      next += count * bytes;
      return place;
    };
    writeRows(other.kernels, numbers, at, {
      first,
      rows: count,
      keys: bring(keys, item("keyStride")),
      values: bring(values, item("valueStride")),
      cos: bring(cos, angleBytes),
      sin: bring(sin, angleBytes),
      multipliers: multipliers && multiplierPlace,
      row: desk,
    });
  }
}

/** Rows of an item, and where they and what belongs to them are, in the memory that kernels see. */
type WrittenRows = Readonly<
  Record<"first" | "rows" | "keys" | "values" | "cos" | "sin" | "multipliers" | "row", number>
>;

function writeRows(all: Kernels, numbers: Float64Array, at: number, written: WrittenRows): void {
  const kernels = all as CacheKernels;
  const item = (field: Exclude<keyof typeof writeItem, "length">) => numbers[at + writeItem[field]]!;
  const [heads, headDim, tile, tileStride] = [item("keyValueHeads"), item("headDim"), item("tile"), item("tileStride")];
  const width = paddedWidth(headDim);
  const first = (item("position") + written.first) % tileTokens;
  const isF16 = tileTypes[item("cacheType")] === "f16";
  const writeKeys = isF16 ? kernels.writeKeysF16 : kernels.writeKeysF32;
  writeKeys(
    written.keys,
    item("keyStride"),
    written.cos,
    written.sin,
    written.multipliers,
    written.multipliers === 0 ? 0 : 1,
    tile,
    tileStride,
    first,
    written.rows,
    heads,
    headDim,
    item("pairs"),
    width,
    written.row,
  );
  const writeValues = isF16 ? kernels.writeValuesF16 : kernels.writeValuesF32;
  const values = tile + valuesOffset(isF16 ? "f16" : "f32", headDim);
  writeValues(
    written.values,
    item("valueStride"),
    values,
    tileStride,
    first,
    written.rows,
    heads,
    headDim,
    width,
    written.row,
  );
}

/**
 * Makes a q8 tile of an f32 tile, all of whose positions have been written.
 *
 * @param thread - has scratch of {@link cacheScratchBytes}
 * @param numbers - holds the item at `at`; see {@link quantiseItem}
 */
export function quantise({ kernels: all, others, scratch }: Thread, numbers: Float64Array, at: number): void {
  const kernels = all as CacheKernels;
  const source = numbers[at + quantiseItem.source]!;
  const target = numbers[at + quantiseItem.target]!;
  const headDim = numbers[at + quantiseItem.headDim]!;
  const width = paddedWidth(headDim);
  const half = valuesOffset("f32", headDim);
  const other = others.at(target);
  const place = other ? scratch + half : target;
  const from = others.at(source);
  /** Keys, or values, where kernels see them. */
  const bring = (address: number): number => {
    from?.bring(scratch, address, half);
    return from ? scratch : address;
  };
  kernels.quantiseKeys(bring(source), place, width);
  kernels.quantiseValues(bring(source + half), place + valuesOffset("q8", headDim), width);
  other?.put(target, place, tileBytes("q8", headDim));
}

/**
 * Turns the cached keys of a tile by angles; a factor on cosines and sines rescales them. Keys of 16 and 8 bits are rounded again.
 *
 * @param thread - has scratch of {@link cacheScratchBytes}
 * @param numbers - holds the item at `at`; see {@link rerotateItem}
 */
export function rerotate({ kernels: all, others, scratch }: Thread, numbers: Float64Array, at: number): void {
  const kernels = all as CacheKernels;
  const item = (field: Exclude<keyof typeof rerotateItem, "length">) => numbers[at + rerotateItem[field]]!;
  const tile = item("tile");
  const type = tileTypes[item("cacheType")]!;
  const width = paddedWidth(item("headDim"));
  const keyBytes = valuesOffset(type, item("headDim"));
  const other = others.at(tile);
  const keys = other ? scratch + valuesOffset("f32", item("headDim")) : tile;
  other?.bring(keys, tile, keyBytes);
  const numbersOfKeys = type === "f32" ? keys : scratch;
  if (type === "f16") kernels.widenHalves(keys, scratch, tileTokens * width);
  if (type === "q8") kernels.dequantiseKeys(keys, scratch, width);
  kernels.turnKeys(numbersOfKeys, item("cos"), item("sin"), item("tokens"), item("pairs"), width);
  if (type === "f16") kernels.narrowHalves(scratch, keys, tileTokens * width);
  if (type === "q8") kernels.quantiseKeys(scratch, keys, width);
  other?.put(tile, keys, keyBytes);
}
