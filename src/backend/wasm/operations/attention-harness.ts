import { type KernelHarness, normalNumbers } from "../kernels/kernel-harness.ts";
import { type TileType, tileBytes, tileTokens, tileTypes } from "../kernels/tile-layout.ts";
import type { Thread } from "../thread.ts";
import {
  attend,
  attendItem,
  attentionScratchBytes,
  firstSpan,
  itemEnd,
  itemTokens,
  mergeItem,
  mergeSpans,
  partialBytes,
  spanCount,
} from "./attention.ts";
import { cacheScratchBytes, quantise, quantiseItem, writeCache, writeItem } from "./cache.ts";

/** What a test computes attention of. */
export interface AttentionShape {
  readonly type: TileType;
  readonly tokens: number;
  readonly group: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  readonly pairs: number;
  /** Whether queries have two planes of bytes for a q8 tile: see `prepare-queries.ts`. */
  readonly isFine?: boolean;
  /** How many tokens a row sees; all when absent. */
  readonly window?: number;
}

/** Rows of all tokens, heads side by side; nothing is rotated. */
export interface AttentionInputs {
  readonly queries: Float32Array;
  readonly keys: Float32Array;
  readonly values: Float32Array;
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

/** Computes all tokens, tile by tile as an engine would: keys and values are written, attended to, and quantised. */
export function prefill(
  harness: KernelHarness,
  shape: AttentionShape,
  inputs: AttentionInputs,
  exponents?: readonly number[],
): Float32Array {
  const cache = new TestCache(harness, shape, inputs, exponents);
  const out = new Float32Array(inputs.queries.length);
  for (let start = 0; start < shape.tokens; start += tileTokens) {
    const tokens = Math.min(tileTokens, shape.tokens - start);
    cache.write(start, tokens);
    out.set(cache.attend(start, tokens, itemTokens), (start * out.length) / shape.tokens);
    if (tokens === tileTokens) cache.finishTile(start / tileTokens);
  }
  return out;
}

const tileList = 100;

/** A cache of one sequence in a harness's memory, with what attention of it needs. */
export class TestCache {
  readonly #harness: KernelHarness;
  readonly #shape: AttentionShape;
  readonly #numbers = new Float64Array(256);
  readonly #thread: Thread;
  readonly #inputs: Readonly<Record<keyof AttentionInputs | "keyMultipliers" | "queryMultipliers", number>>;
  readonly #output: number;
  readonly #partials: number;
  readonly #tiles: number[] = [];
  readonly #own: number;

  /** @param exponents - keys' channels are divided by 2 to these, queries' multiplied */
  constructor(harness: KernelHarness, shape: AttentionShape, inputs: AttentionInputs, exponents?: readonly number[]) {
    harness.clear();
    const { headDim, group, tokens, keyValueHeads, type } = shape;
    this.#harness = harness;
    this.#shape = shape;
    this.#thread = harness.thread(
      harness.room(Math.max(attentionScratchBytes(headDim, group), cacheScratchBytes(headDim))),
    );
    const multipliers = (sign: number, heads: number) =>
      exponents
        ? harness.put(Float32Array.from({ length: headDim * heads }, (_, i) => 2 ** (sign * exponents[i % headDim]!)))
        : 0;
    this.#inputs = {
      queries: harness.put(inputs.queries),
      keys: harness.put(inputs.keys),
      values: harness.put(inputs.values),
      cos: harness.put(inputs.cos),
      sin: harness.put(inputs.sin),
      keyMultipliers: multipliers(-1, keyValueHeads),
      queryMultipliers: multipliers(1, 1),
    };
    this.#output = harness.room(tokens * keyValueHeads * group * headDim * 4);
    this.#partials = harness.room(partialBytes(headDim, group, itemTokens) * spanCount(tokens));
    for (let i = 0; i < tokens; i += tileTokens) {
      this.#tiles.push(harness.lasting.room(tileBytes(type, headDim) * keyValueHeads));
    }
    this.#numbers.set(this.#tiles, tileList);
    this.#own = harness.lasting.room(tileBytes("f32", headDim) * keyValueHeads);
  }

  get #ownType(): TileType {
    return this.#shape.type === "q8" ? "f32" : this.#shape.type;
  }

  #ownTile(position: number): number {
    return this.#shape.type === "q8" ? this.#own : this.#tiles[Math.floor(position / tileTokens)]!;
  }

  #describe<F extends Readonly<Record<string, number>>>(
    fields: F,
    item: { readonly [K in Exclude<keyof F, "length">]: number },
  ): void {
    for (const [field, number] of Object.entries(item)) this.#numbers[fields[field]!] = number as number;
  }

  write(position: number, rows: number): void {
    const { keyValueHeads, headDim, pairs } = this.#shape;
    const stride = keyValueHeads * headDim * 4;
    this.#describe(writeItem, {
      keys: this.#inputs.keys + position * stride,
      keyStride: stride,
      values: this.#inputs.values + position * stride,
      valueStride: stride,
      cos: this.#inputs.cos + position * pairs * 4,
      sin: this.#inputs.sin + position * pairs * 4,
      multipliers: this.#inputs.keyMultipliers,
      rows,
      position,
      keyValueHeads,
      headDim,
      pairs,
      cacheType: tileTypes.indexOf(this.#ownType),
      tile: this.#ownTile(position),
      tileStride: tileBytes(this.#ownType, headDim),
    });
    writeCache(this.#thread, this.#numbers, 0);
  }

  finishTile(tile: number): void {
    const { type, keyValueHeads, headDim } = this.#shape;
    if (type !== "q8") return;
    for (let head = 0; head < keyValueHeads; head++) {
      const source = this.#own + head * tileBytes("f32", headDim);
      this.#describe(quantiseItem, { source, target: this.#tiles[tile]! + head * tileBytes("q8", headDim), headDim });
      quantise(this.#thread, this.#numbers, 0);
    }
  }

  /** @returns the rows' output */
  attend(position: number, rows: number, itemSize: number, spansApart = false): Float32Array {
    const { window = 0 } = this.#shape;
    for (let first = position, tokens = 0; first < position + rows; first += tokens) {
      tokens = Math.min(itemSize, position + rows - first, itemEnd(first, window) - first);
      for (let head = 0; head < this.#shape.keyValueHeads; head++) this.#attendItem(first, tokens, head, spansApart);
    }
    const { keyValueHeads, group, headDim } = this.#shape;
    const columns = keyValueHeads * group * headDim;
    return this.#harness.get(Float32Array, this.#output + position * columns * 4, rows * columns);
  }

  #attendItem(position: number, tokens: number, keyValueHead: number, spansApart: boolean): void {
    const { type, keyValueHeads, group, headDim, pairs, isFine = false, window = 0 } = this.#shape;
    const stride = keyValueHeads * group * headDim * 4;
    const output = this.#output + position * stride;
    const item = {
      queries: this.#inputs.queries + position * stride,
      queryStride: stride,
      output,
      outputStride: stride,
      cos: this.#inputs.cos + position * pairs * 4,
      sin: this.#inputs.sin + position * pairs * 4,
      multipliers: this.#inputs.queryMultipliers,
      tokens,
      position,
      keyValueHead,
      group,
      headDim,
      pairs,
      scale: 1 / Math.sqrt(headDim),
      cacheType: tileTypes.indexOf(type),
      tiles: tileList,
      tileOffset: keyValueHead * tileBytes(type, headDim),
      ownTile: this.#ownTile(position) + keyValueHead * tileBytes(this.#ownType, headDim),
      fine: isFine ? 1 : 0,
      window,
    };
    if (!spansApart) {
      this.#describe(attendItem, { ...item, partial: 0, span: 0 });
      attend(this.#thread, this.#numbers, 0);
      return;
    }
    const partialStride = partialBytes(headDim, group, tokens);
    const first = firstSpan(position, window);
    const spans = spanCount(position) - first;
    for (let span = spans - 1; span >= 0; span--) {
      const partial = this.#partials + span * partialStride;
      this.#describe(attendItem, { ...item, partial, span: first + span });
      attend(this.#thread, this.#numbers, 0);
    }
    const { outputStride } = item;
    const partials = this.#partials;
    this.#describe(mergeItem, {
      partials,
      partialStride,
      spans,
      output,
      outputStride,
      tokens,
      keyValueHead,
      group,
      headDim,
    });
    mergeSpans(this.#thread, this.#numbers, 0);
  }
}

/** @returns normally distributed rows, the same in every run */
export function randomInputs({ tokens, keyValueHeads, group, headDim, pairs }: AttentionShape): AttentionInputs {
  const normal = normalNumbers();
  const rows = (columns: number) => Float32Array.from({ length: tokens * columns }, normal);
  const angles = rows(pairs).map((x) => x * 10);
  return {
    queries: rows(keyValueHeads * group * headDim),
    keys: rows(keyValueHeads * headDim),
    values: rows(keyValueHeads * headDim),
    cos: angles.map((angle) => Math.cos(angle)),
    sin: angles.map((angle) => Math.sin(angle)),
  };
}

/** Relative errors of rows of attention, as vectors, beside float64. */
export function relativeErrors(
  shape: AttentionShape,
  inputs: AttentionInputs,
  out: Float32Array,
): { mean: number; largest: number } {
  const { tokens, keyValueHeads, group, headDim, window = tokens } = shape;
  const heads = keyValueHeads * group;
  const queries = rotated(shape, inputs, inputs.queries, heads);
  const keys = rotated(shape, inputs, inputs.keys, keyValueHeads);
  const errors: number[] = [];
  for (let token = 0; token < tokens; token += 1 + Math.floor(tokens / 40)) {
    for (let head = 0; head < heads; head++) {
      const keyHead = Math.floor(head / group);
      const query = (token * heads + head) * headDim;
      const weights: number[] = [];
      const first = Math.max(0, token - window + 1);
      for (let i = first; i <= token; i++) {
        let score = 0;
        const key = (i * keyValueHeads + keyHead) * headDim;
        for (let d = 0; d < headDim; d++) score += queries[query + d]! * keys[key + d]!;
        weights.push(score / Math.sqrt(headDim));
      }
      const largest = Math.max(...weights);
      const exponentials = weights.map((score) => Math.exp(score - largest));
      const sum = exponentials.reduce((a, b) => a + b);
      let difference = 0;
      let size = 0;
      for (let d = 0; d < headDim; d++) {
        let expected = 0;
        exponentials.forEach((weight, i) => {
          expected += weight * inputs.values[((first + i) * keyValueHeads + keyHead) * headDim + d]!;
        });
        expected /= sum;
        difference += (expected - out[query + d]!) ** 2;
        size += expected ** 2;
      }
      errors.push(Math.sqrt(difference / size));
    }
  }
  return { mean: errors.reduce((a, b) => a + b) / errors.length, largest: Math.max(...errors) };
}

function rotated(
  { tokens, headDim, pairs }: AttentionShape,
  { cos, sin }: AttentionInputs,
  rows: Float32Array,
  heads: number,
) {
  const out = Float64Array.from(rows);
  for (let token = 0; token < tokens; token++) {
    for (let head = 0; head < heads; head++) {
      const start = (token * heads + head) * headDim;
      for (let pair = 0; pair < pairs; pair++) {
        const [x, y] = [rows[start + pair]!, rows[start + pair + pairs]!];
        const [c, s] = [cos[token * pairs + pair]!, sin[token * pairs + pair]!];
        out[start + pair] = x * c - y * s;
        out[start + pair + pairs] = y * c + x * s;
      }
    }
  }
  return out;
}
