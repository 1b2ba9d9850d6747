import type { Kernel } from "../builder/kernel.ts";
import { bringBytes, putBytes } from "../kernels/bring.ts";
import { dequantiseKeys } from "../kernels/dequantise-keys.ts";
import { narrowHalves } from "../kernels/narrow-halves.ts";
import { quantiseKeys } from "../kernels/quantise-keys.ts";
import { quantiseValues } from "../kernels/quantise-values.ts";
import { paddedWidth, tileTokens, tileTypes, valuesOffset } from "../kernels/tile-layout.ts";
import { turnKeys } from "../kernels/turn-keys.ts";
import { widenHalves } from "../kernels/widen-halves.ts";
import { writeKeysF16, writeKeysF32 } from "../kernels/write-keys.ts";
import { writeValuesF16, writeValuesF32 } from "../kernels/write-values.ts";

/** The functions of a module that the cache's operations call, by their kernels' names. */
export type CacheKernels = Readonly<
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
    | "turnKeys"
    | "bringBytes"
    | "putBytes",
    (...numbers: number[]) => void
  >
>;

/** What a module needs for {@link CacheKernels}. */
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
  bringBytes,
  putBytes,
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

/** @returns bytes that the cache's operations need, for each thread: the keys, or the values, of an f32 tile */
export function cacheScratchBytes(headDim: number): number {
  return valuesOffset("f32", headDim);
}

/**
 * Rotates rows of keys, and puts them and rows of values into the cache.
 *
 * @param scratch - address of memory of this thread's own, {@link cacheScratchBytes}
 * @param numbers - holds the item at `at`; see {@link writeItem}
 */
export function writeCache(kernels: CacheKernels, scratch: number, numbers: Float64Array, at: number): void {
  const item = (field: Exclude<keyof typeof writeItem, "length">) => numbers[at + writeItem[field]]!;
  const [heads, headDim, tile, tileStride] = [item("keyValueHeads"), item("headDim"), item("tile"), item("tileStride")];
  const width = paddedWidth(headDim);
  const first = item("position") % tileTokens;
  const isF16 = tileTypes[item("cacheType")] === "f16";
  const writeKeys = isF16 ? kernels.writeKeysF16 : kernels.writeKeysF32;
  writeKeys(
    item("keys"),
    item("keyStride"),
    item("cos"),
    item("sin"),
    item("multipliers"),
    item("multipliers") === 0 ? 0 : 1,
    tile,
    tileStride,
    first,
    item("rows"),
    heads,
    headDim,
    item("pairs"),
    width,
    scratch,
  );
  const writeValues = isF16 ? kernels.writeValuesF16 : kernels.writeValuesF32;
  const values = tile + valuesOffset(isF16 ? "f16" : "f32", headDim);
  writeValues(
    item("values"),
    item("valueStride"),
    values,
    tileStride,
    first,
    item("rows"),
    heads,
    headDim,
    width,
    scratch,
  );
}

/**
 * Makes a q8 tile of an f32 tile, all of whose positions have been written.
 *
 * @param scratch - address of memory of this thread's own, {@link cacheScratchBytes}
 * @param numbers - holds the item at `at`; see {@link quantiseItem}
 */
export function quantise(kernels: CacheKernels, scratch: number, numbers: Float64Array, at: number): void {
  const source = numbers[at + quantiseItem.source]!;
  const target = numbers[at + quantiseItem.target]!;
  const headDim = numbers[at + quantiseItem.headDim]!;
  const width = paddedWidth(headDim);
  const half = valuesOffset("f32", headDim);
  kernels.bringBytes(source, scratch, half);
  kernels.quantiseKeys(scratch, target, width);
  kernels.bringBytes(source + half, scratch, half);
  kernels.quantiseValues(scratch, target + valuesOffset("q8", headDim), width);
}

/**
 * Turns the cached keys of a tile by angles; a factor on cosines and sines rescales them. Keys of 16 and 8 bits are rounded again.
 *
 * @param scratch - address of memory of this thread's own, {@link cacheScratchBytes}
 * @param numbers - holds the item at `at`; see {@link rerotateItem}
 */
export function rerotate(kernels: CacheKernels, scratch: number, numbers: Float64Array, at: number): void {
  const item = (field: Exclude<keyof typeof rerotateItem, "length">) => numbers[at + rerotateItem[field]]!;
  const tile = item("tile");
  const type = tileTypes[item("cacheType")]!;
  const width = paddedWidth(item("headDim"));
  const keyBytes = valuesOffset("f32", item("headDim"));
  if (type === "f32") kernels.bringBytes(tile, scratch, keyBytes);
  if (type === "f16") kernels.widenHalves(tile, scratch, tileTokens * width);
  if (type === "q8") kernels.dequantiseKeys(tile, scratch, width);
  kernels.turnKeys(scratch, item("cos"), item("sin"), item("tokens"), item("pairs"), width);
  if (type === "f32") kernels.putBytes(scratch, tile, keyBytes);
  if (type === "f16") kernels.narrowHalves(scratch, tile, tileTokens * width);
  if (type === "q8") kernels.quantiseKeys(scratch, tile, width);
}
