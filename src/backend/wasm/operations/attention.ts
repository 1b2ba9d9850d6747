import type { Kernel } from "../builder/kernel.ts";
import { attendTileF32, attendTileQ8 } from "../kernels/attend-tile.ts";
import { clearStates } from "../kernels/clear-states.ts";
import { mergeStates } from "../kernels/merge-states.ts";
import { prepareQueries } from "../kernels/prepare-queries.ts";
import { queryRecordBytes, recordCount, stateRecordBytes, workspace } from "../kernels/row-records.ts";
import { paddedWidth, type TileType, tileBytes, tileTokens, tileTypes } from "../kernels/tile-layout.ts";
import { widenHalves } from "../kernels/widen-halves.ts";
import { writeAttention } from "../kernels/write-attention.ts";
import { lineBytes, roundUp } from "../layout.ts";
import type { Thread } from "../thread.ts";

/** The most tokens in an item. */
export const itemTokens = 32;

/** Tiles in a span: the piece of a sequence whose softmax is computed by itself. */
export const spanTiles = 16;

/** The functions of a module that attention calls, by their kernels' names. */
type AttentionKernels = Readonly<
  Record<
    | "prepareQueries"
    | "clearStates"
    | "attendTileF32"
    | "attendTileQ8"
    | "mergeStates"
    | "writeAttention"
    | "widenHalves",
    (...numbers: number[]) => void
  >
>;

export const attentionKernels: readonly Kernel[] = [
  prepareQueries,
  clearStates,
  attendTileF32,
  attendTileQ8,
  mergeStates,
  writeAttention,
  widenHalves,
];

/**
 * An item of attention, number by number: up to 32 tokens of one sequence that lie in one tile, and whose windows begin in one tile, for the query heads of one
 * key/value head. Addresses and strides are in bytes.
 */
export const attendItem = {
  /** Address of the first token's row of queries, all heads, not rotated. */
  queries: 0,
  queryStride: 1,
  /** Address of the first token's row of the output. */
  output: 2,
  outputStride: 3,
  /** Addresses of the first token's rows of cosines and sines, [tokens, pairs]. */
  cos: 4,
  sin: 5,
  /** Address of what to multiply the queries' channels by, [headDim], or 0. */
  multipliers: 6,
  tokens: 7,
  /** The first token's. */
  position: 8,
  keyValueHead: 9,
  /** Query heads to a key/value head. */
  group: 10,
  headDim: 11,
  /** Rotated pairs of channels; 0: none. */
  pairs: 12,
  /** On the scores: 1 / √headDim. */
  scale: 13,
  /** Index in `tileTypes`. */
  cacheType: 14,
  /** Index of the list of the blocks' addresses, tile by tile. */
  tiles: 15,
  /** Added to a block's address: where the layer's and head's tile is in it. */
  tileOffset: 16,
  /** Address of the tile that the tokens are in: f32 for the cache types f32 and q8, else f16. */
  ownTile: 17,
  /** Where to put a part of the result, for {@link mergeSpans}; 0: do all spans, and write the output. */
  partial: 18,
  /** Which span to do, if `partial` is not 0. */
  span: 19,
  /** 1: queries of 13 bits meet the quantised keys, not of 7, for heads whose channels are very uneven. */
  fine: 20,
  /** How many tokens a row sees, its own the last; 0: all. */
  window: 21,
  length: 22,
} as const;

/** What joins the partial results of an item, number by number. */
export const mergeItem = {
  /** Address of span 0's result. */
  partials: 0,
  partialStride: 1,
  spans: 2,
  /** The others as in {@link attendItem}. */
  output: 3,
  outputStride: 4,
  tokens: 5,
  keyValueHead: 6,
  group: 7,
  headDim: 8,
  length: 9,
} as const;

/** @returns how many spans the softmax of a query at this position is cut into */
export function spanCount(position: number): number {
  return Math.floor(position / (tileTokens * spanTiles)) + 1;
}

/** @returns the span in which the window of a query at this position begins; window 0: it sees all */
export function firstSpan(position: number, window: number): number {
  return Math.floor(firstTile(position, window) / spanTiles);
}

/** @returns where an item that begins at this position has to end at the latest: see {@link attendItem} */
export function itemEnd(position: number, window: number): number {
  const end = position + itemTokens;
  if (window === 0) return end;
  const nextBegins = (firstTile(position, window) + 1) * tileTokens + window - 1;
  return Math.min(end, nextBegins);
}

/** The tile in which the window of a query at this position begins. */
function firstTile(position: number, window: number): number {
  return window === 0 ? 0 : Math.max(0, Math.floor((position - window + 1) / tileTokens));
}

/** @returns bytes of the result of one span of an item; a multiple of 64 */
export function partialBytes(headDim: number, group: number, tokens: number): number {
  return roundUp(recordCount(tokens * group) * stateRecordBytes(paddedWidth(headDim)), lineBytes);
}

/** @returns bytes that {@link attend} needs, for each thread */
export function attentionScratchBytes(headDim: number, group: number): number {
  return scratchLayout(headDim, group).end;
}

/**
 * Attention of one item. A row's bits depend only on its query and on what it sees, not on the rows beside it nor on how spans are spread.
 *
 * @param thread - has scratch of {@link attentionScratchBytes}
 * @param numbers - holds the item, at `at`, and its list of tiles; see {@link attendItem}
 */
export function attend({ kernels: all, others, scratch }: Thread, numbers: Float64Array, at: number): void {
  const kernels = all as AttentionKernels;
  const item = (field: Exclude<keyof typeof attendItem, "length">) => numbers[at + attendItem[field]]!;
  const [tokens, position, group, headDim] = [item("tokens"), item("position"), item("group"), item("headDim")];
  const width = paddedWidth(headDim);
  const records = recordCount(tokens * group);
  const memory = scratchLayout(headDim, group);
  const queries = scratch + memory.queries;
  const work = scratch + memory.work;
  const room = scratch + memory.tile;
  const headBytes = item("keyValueHead") * group * headDim * 4;
  const type = tileTypes[item("cacheType")]!;
  const planes = item("fine") === 1 ? 2 : 1;

  kernels.prepareQueries(
    item("queries") + headBytes,
    item("queryStride"),
    item("cos"),
    item("sin"),
    item("multipliers"),
    item("multipliers") === 0 ? 0 : 1,
    queries,
    scratch + memory.row,
    tokens,
    group,
    headDim,
    item("pairs"),
    width,
    item("scale") * Math.LOG2E,
    (position % tileTokens) + 1,
    type === "q8" ? planes : 0,
  );

  const ownTile = Math.floor(position / tileTokens);
  const window = item("window");
  const beginning = firstTile(position, window);
  // What a row sees begins as many keys before the end of its part of the own tile; kernels want a number from 0 on.
  const slidingAfter = window === 0 ? 0 : Math.max(0, tileTokens - window + (ownTile - beginning) * tileTokens);

  const attendTile = (tile: number, states: number, address: number, tileType: TileType, causal: 0 | 1) => {
    const slid = tile === beginning ? slidingAfter : 0;
    const lines = tileBytes(tileType, headDim) / lineBytes;
    const isHalf = tileType === "f16";
    const other = others.at(address);
    let place = address;
    if (other) {
      place = isHalf ? scratch + memory.halves : room;
      other.bring(place, address, lines * lineBytes);
    }
    if (isHalf) {
      kernels.widenHalves(place, room, 2 * tileTokens * width);
      place = room;
    }
    const [kernel, choice] = tileType === "q8" ? [kernels.attendTileQ8, planes] : [kernels.attendTileF32, causal];
    kernel(queries, states, work, place, records, width, choice, place === address ? lines : 0, slid);
  };

  const attendSpan = (span: number, states: number) => {
    kernels.clearStates(queries, states, records, width);
    const end = Math.min((span + 1) * spanTiles, ownTile);
    for (let tile = Math.max(beginning, span * spanTiles); tile < end; tile++) {
      attendTile(tile, states, numbers[item("tiles") + tile]! + item("tileOffset"), type, 0);
    }
    if (span === spanCount(position) - 1) {
      attendTile(ownTile, states, item("ownTile"), type === "q8" ? "f32" : type, 1);
    }
  };

  if (item("partial") !== 0) {
    attendSpan(item("span"), item("partial"));
    return;
  }
  const totals = scratch + memory.totals;
  const first = firstSpan(position, window);
  attendSpan(first, totals);
  for (let span = first + 1; span < spanCount(position); span++) {
    attendSpan(span, scratch + memory.states);
    kernels.mergeStates(totals, scratch + memory.states, records, width);
  }
  kernels.writeAttention(totals, item("output") + headBytes, item("outputStride"), records, group, headDim, width);
}

/**
 * Joins the partial results of an item's spans, and writes the output: bit for bit what {@link attend} writes when it does all spans.
 * Changes span 0's result.
 *
 * @param numbers - holds the item at `at`; see {@link mergeItem}
 */
export function mergeSpans({ kernels: all }: Thread, numbers: Float64Array, at: number): void {
  const kernels = all as AttentionKernels;
  const item = (field: Exclude<keyof typeof mergeItem, "length">) => numbers[at + mergeItem[field]]!;
  const [group, headDim] = [item("group"), item("headDim")];
  const width = paddedWidth(headDim);
  const records = recordCount(item("tokens") * group);
  const totals = item("partials");
  for (let span = 1; span < item("spans"); span++) {
    kernels.mergeStates(totals, totals + span * item("partialStride"), records, width);
  }
  const output = item("output") + item("keyValueHead") * group * headDim * 4;
  kernels.writeAttention(totals, output, item("outputStride"), records, group, headDim, width);
}

/** Offsets of what {@link attend} keeps in its scratch memory. */
function scratchLayout(headDim: number, group: number) {
  const width = paddedWidth(headDim);
  const records = recordCount(itemTokens * group);
  const work = 0;
  const row = work + workspace.bytes;
  const queries = roundUp(row + width * 4, lineBytes);
  const totals = roundUp(queries + records * queryRecordBytes(width), lineBytes);
  const states = roundUp(totals + records * stateRecordBytes(width), lineBytes);
  const tile = roundUp(states + records * stateRecordBytes(width), lineBytes);
  const halves = roundUp(tile + tileBytes("f32", headDim), lineBytes);
  const end = roundUp(halves + tileBytes("f16", headDim), lineBytes);
  return { work, row, queries, totals, states, tile, halves, end };
}
