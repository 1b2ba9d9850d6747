/*
 * A tile: the keys and values of 128 consecutive positions, of one layer and one key/value head. `width` is headDim rounded up to a
 * multiple of 16; the channels from headDim on are zero.
 *
 *   f32, f16   keys    [16 groups of 8 keys][width][8 keys]
 *              values  [width / 8][128 keys][8 channels]
 *
 *   q8         keys    16 groups of 8 keys: { 8 f32 scales | 8 i32 corrections | [width / 4][8 keys][4 channels] i8 }
 *              values  { [width] f32 scales, one a channel | [width / 8][32][8 channels][4 keys] i8 }
 *
 * So that two 16-byte loads, which lie next to each other, feed eight keys' scores, or eight channels' sums: V8 can make one of 32 bytes of
 * them, and of all that is computed from them. A correction is -64 · the sum of the key's bytes: queries come as bytes with an offset of 64,
 * and this takes the offset out again. Saved sessions hold q8 tiles as they are (`src/cache/snapshot.ts`).
 */

/** Positions in a tile: a multiple of 32 (`weightedValuesQ8` and `softmaxQ8` take as many at once), at most 1024 (sums of integers are exact as float32). */
export const tileTokens = 128;

/** Keys in a group: those that two vectors hold. */
export const keysPerGroup = 8;

/** Channels of values in a group. */
export const channelsPerGroup = 8;

/** Groups of keys in a tile. */
export const groupsPerTile: number = tileTokens / keysPerGroup;

/** In a q8 tile: bytes of the scales and corrections of a group of keys, before its numbers. */
export const groupHeaderBytes: number = keysPerGroup * 8;

/** What is added to queries of 7 bits, so that they are not negative. */
export const queryOffset = 64;

/** How the numbers of a tile are kept; descriptors name a type by its index here. */
export const tileTypes = ["f32", "f16", "q8"] as const;

/** How the numbers of a tile are kept. */
export type TileType = (typeof tileTypes)[number];

/** @returns headDim rounded up to a multiple of 16: the channels that a tile keeps of each key and value */
export function paddedWidth(headDim: number): number {
  return Math.ceil(headDim / 16) * 16;
}

/** @returns bytes from the beginning of a tile to its values */
export function valuesOffset(type: TileType, headDim: number): number {
  const numbers = tileTokens * paddedWidth(headDim);
  if (type === "q8") return groupsPerTile * groupHeaderBytes + numbers;
  return numbers * (type === "f32" ? 4 : 2);
}

/** @returns bytes of a tile, keys and values, for one layer and one key/value head */
export function tileBytes(type: TileType, headDim: number): number {
  const keys = valuesOffset(type, headDim);
  if (type !== "q8") return 2 * keys;
  const width = paddedWidth(headDim);
  return keys + width * 4 + tileTokens * width;
}
