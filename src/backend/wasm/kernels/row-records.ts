import { tileTokens } from "./tile-layout.ts";

/*
 * How the rows of an item of attention lie in memory. A row is one query: of one token and one head. The rows of an item, in the order of
 * tokens and then heads, are cut into records of 6 rows, which the kernels take at once; the last may have fewer.
 *
 *   query record   { i32 rows (M) | i32 keys of the own tile that the last row sees | 6 f32 scales | 6 i32 keys seen, row by row | to 64 bytes
 *                  | f32 [width][M]: the queries, scaled so that scores are exponents of 2
 *                  | bytes [width / 4][M][4]: the queries divided by their scales, plus 64 (only for q8 tiles)
 *                  | the same for the lower plane of fine queries (13 bits): they are 64 · the one + the other - 4096; at a place of its own, whatever M }
 *   state record   { f32 [8] maxima | f32 [8] sums | i32 rows (M) | to 80 bytes | f32 [width / 8][M][8]: the weighted sums of values }
 *   workspace      { f32 [6][128] scores, replaced by weights | [8][8] what is to be put together to a number for each row |
 *                    f32 [8] a tile's largest exponents | f32 [8] factors on the old state | f32 [8] factors on the tile's part }
 *
 * A state is what online softmax carries: the largest exponent so far, the sum of the weights 2^(exponent - maximum), and the values
 * weighted by them. All records of a kind have the same size, whatever their M. What is kept for 8 rows is computed for four at once; rows from
 * M on hold anything.
 */

/** The most rows in a record: with two vectors they fill the registers (12 sums and 3 others). */
export const mostRows = 6;

export const queryRecord = { rows: 0, lastLimit: 4, scales: 8, limits: 32, numbers: 64 } as const;

export const stateRecord = { maxima: 0, sums: 32, rows: 64, values: 80 } as const;

/** Rows that there is room for where four are computed at once. */
const rowRoom = 8;

/** Bytes from what is to be put together for a row to that for the next. */
export const laneBytes = 32;

/** Bytes from a row of scores to the next. */
export const scoreRowBytes: number = tileTokens * 4;
const scoreBytes = mostRows * scoreRowBytes;
const fromLanes = scoreBytes + rowRoom * laneBytes;

export const workspace: Readonly<Record<"lanes" | "largest" | "keep" | "part" | "bytes", number>> = {
  lanes: scoreBytes,
  largest: fromLanes,
  keep: fromLanes + rowRoom * 4,
  part: fromLanes + rowRoom * 8,
  bytes: fromLanes + rowRoom * 12,
};

/** @returns how many records hold these rows: all but the last have {@link mostRows} */
export function recordCount(rows: number): number {
  return Math.ceil(rows / mostRows);
}

/** Bytes of the numbers of a query or state record, for each channel. */
export const numberBytes: number = mostRows * 4;

/** Bytes of a query record for each channel: the numbers, and two planes of bytes. */
export const queryChannelBytes: number = numberBytes + mostRows * 2;

/** @returns bytes of a query record of this padded width */
export function queryRecordBytes(width: number): number {
  return queryRecord.numbers + width * queryChannelBytes;
}

/** @returns bytes of a state record of this padded width */
export function stateRecordBytes(width: number): number {
  return stateRecord.values + width * numberBytes;
}

/**
 * How many vectors of four keys or channels a kernel of this many rows takes at once, two and two of a group: what is read for a row or a
 * vector then serves several sums, and no sum waits for itself. At most 4: widths are multiples of 16, and so are the keys that the softmax
 * goes over.
 */
export function vectorsAtOnce(rows: number): number {
  return rows <= 2 ? 4 : 2;
}
