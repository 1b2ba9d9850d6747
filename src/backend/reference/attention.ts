import type { Segment } from "../backend.ts";
import type { ReferenceBlockStore } from "./block-store.ts";
import { createMatrix, type Matrix } from "./matrix.ts";

/** The cached positions that a row sees: from `first` to before `end`. */
interface Seen {
  readonly first: number;
  readonly end: number;
}

/**
 * Causal attention over cached keys and values, one query row and head after the other: scores, softmax, weighted sum of values. Query
 * heads share a key head in groups (grouped-query attention).
 *
 * @param queries - rotated, [rows, heads · headDim]
 * @param scale - factor on the scores, 1/√headDim
 * @param window - how many positions a row sees, the last ones
 * @returns [rows, heads · headDim]
 */
export function attention(
  queries: Matrix,
  store: ReferenceBlockStore,
  layer: number,
  segments: readonly Segment[],
  scale: number,
  window: number = Infinity,
): Matrix {
  const { headDim, keyValueHeads } = store.layout;
  const heads = queries.columns / headDim;
  const out = createMatrix(queries.rows, queries.columns);
  for (const segment of segments) {
    const weights = new Float64Array(segment.firstPosition + segment.rows);
    for (let i = 0; i < segment.rows; i++) {
      const end = segment.firstPosition + i + 1;
      const seen = { first: Math.max(0, end - window), end };
      for (let head = 0; head < heads; head++) {
        const start = (segment.firstRow + i) * queries.columns + head * headDim;
        const query = queries.data.subarray(start, start + headDim);
        const keyHead = Math.floor((head * keyValueHeads) / heads);
        scores(query, store, layer, keyHead, segment.blocks, seen, scale, weights);
        softmax(weights, seen);
        weightedValues(weights, store, layer, keyHead, segment.blocks, seen, out.data.subarray(start, start + headDim));
      }
    }
  }
  return out;
}

function scores(
  query: Float32Array,
  store: ReferenceBlockStore,
  layer: number,
  head: number,
  blocks: readonly number[],
  { first, end }: Seen,
  scale: number,
  out: Float64Array,
): void {
  const { blockTokens, headDim } = store.layout;
  const offset = store.offset(layer, head);
  for (let start = first - (first % blockTokens); start < end; start += blockTokens) {
    const data = store.data(blocks[start / blockTokens]!);
    const count = Math.min(blockTokens, end - start);
    // Four keys at once, since one sum alone waits for itself; each key's sum runs in the same order as alone.
    let token = Math.max(0, first - start);
    for (; token + 4 <= count; token += 4) {
      const a = offset + token * headDim;
      const b = a + headDim;
      const c = b + headDim;
      const d = c + headDim;
      let sumA = 0;
      let sumB = 0;
      let sumC = 0;
      let sumD = 0;
      for (let i = 0; i < headDim; i++) {
        const value = query[i]!;
        sumA += value * data[a + i]!;
        sumB += value * data[b + i]!;
        sumC += value * data[c + i]!;
        sumD += value * data[d + i]!;
      }
      out[start + token] = sumA * scale;
      out[start + token + 1] = sumB * scale;
      out[start + token + 2] = sumC * scale;
      out[start + token + 3] = sumD * scale;
    }
    for (; token < count; token++) {
      const key = offset + token * headDim;
      let sum = 0;
      for (let i = 0; i < headDim; i++) sum += query[i]! * data[key + i]!;
      out[start + token] = sum * scale;
    }
  }
}

function softmax(values: Float64Array, { first, end }: Seen): void {
  let largest = Number.NEGATIVE_INFINITY;
  for (let i = first; i < end; i++) largest = Math.max(largest, values[i]!);
  let sum = 0;
  for (let i = first; i < end; i++) {
    values[i] = Math.exp(values[i]! - largest);
    sum += values[i]!;
  }
  for (let i = first; i < end; i++) values[i]! /= sum;
}

function weightedValues(
  weights: Float64Array,
  store: ReferenceBlockStore,
  layer: number,
  head: number,
  blocks: readonly number[],
  { first, end }: Seen,
  out: Float32Array,
): void {
  const { blockTokens, headDim } = store.layout;
  const offset = store.offset(layer, head) + store.valueOffset;
  const sums = new Float64Array(headDim);
  for (let start = first - (first % blockTokens); start < end; start += blockTokens) {
    const data = store.data(blocks[start / blockTokens]!);
    const count = Math.min(blockTokens, end - start);
    let token = Math.max(0, first - start);
    for (; token + 4 <= count; token += 4) {
      const value = offset + token * headDim;
      const a = weights[start + token]!;
      const b = weights[start + token + 1]!;
      const c = weights[start + token + 2]!;
      const d = weights[start + token + 3]!;
      for (let i = value; i < value + headDim; i++) {
        // From left to right: the order of one token after the other.
        sums[i - value] =
          sums[i - value]! +
          a * data[i]! +
          b * data[i + headDim]! +
          c * data[i + 2 * headDim]! +
          d * data[i + 3 * headDim]!;
      }
    }
    for (; token < count; token++) {
      const value = offset + token * headDim;
      const weight = weights[start + token]!;
      for (let i = 0; i < headDim; i++) sums[i]! += weight * data[value + i]!;
    }
  }
  out.set(sums);
}
