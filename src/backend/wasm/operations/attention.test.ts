import { expect, test } from "vitest";
import { allTargets, type KernelHarness, kernelHarness } from "../kernels/kernel-harness.ts";
import { type TileType, tileBytes, tileTokens, tileTypes } from "../kernels/tile-layout.ts";
import {
  type AttentionKernels,
  attend,
  attendItem,
  attentionKernels,
  attentionScratchBytes,
  mergeItem,
  mergeSpans,
  partialBytes,
  spanCount,
} from "./attention.ts";
import { type CacheKernels, cacheKernels, cacheScratchBytes, quantise, writeCache } from "./cache.ts";

interface Shape {
  readonly type: TileType;
  readonly tokens: number;
  readonly group: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  readonly pairs: number;
}

interface Inputs {
  readonly queries: Float32Array;
  readonly keys: Float32Array;
  readonly values: Float32Array;
  readonly cos: Float32Array;
  readonly sin: Float32Array;
}

const rotatedHead: Shape = { type: "f32", tokens: 300, group: 7, keyValueHeads: 2, headDim: 64, pairs: 32 };

for (const target of allTargets) {
  const name = `${target.relaxed ? "relaxed" : "plain"} ${target.address}`;
  const harness = kernelHarness([...attentionKernels, ...cacheKernels], target, 64);

  test.for([
    { ...rotatedHead },
    { ...rotatedHead, group: 1, headDim: 128, pairs: 64, tokens: 150 },
    { ...rotatedHead, group: 5, headDim: 20, pairs: 7, tokens: 131 },
    { ...rotatedHead, group: 8, keyValueHeads: 1, headDim: 16, pairs: 0, tokens: 129 },
    { ...rotatedHead, group: 3, keyValueHeads: 1, headDim: 6, pairs: 3, tokens: 2100 },
  ])(`${name}: f32 attention of group $group, headDim $headDim, $tokens tokens is exact`, async (shape) => {
    const inputs = randomInputs(shape);
    const out = prefill(await harness, shape, inputs, 32);
    expect(relativeErrors(shape, inputs, out).largest).toBeLessThan(5e-6);
  });

  test(`${name}: q8 attention is near`, async () => {
    const shape: Shape = { ...rotatedHead, type: "q8", tokens: 700 };
    const inputs = randomInputs(shape);
    const out = prefill(await harness, shape, inputs, 32);
    const errors = relativeErrors(shape, inputs, out);
    console.log(name, errors);
    expect(errors.mean).toBeLessThan(0.02);
    expect(errors.largest).toBeLessThan(0.06);
  });
}

/** Computes all tokens in items of some tokens, tile by tile as an engine would: the cache is written, attended to, and quantised. */
function prefill(harness: KernelHarness, shape: Shape, inputs: Inputs, itemSize: number): Float32Array {
  const cache = new TestCache(harness, shape, inputs);
  for (let start = 0; start < shape.tokens; start += tileTokens) {
    const end = Math.min(shape.tokens, start + tileTokens);
    cache.write(start, end - start);
    for (let first = start; first < end; first += itemSize) cache.attend(first, Math.min(itemSize, end - first));
    if (end === start + tileTokens) cache.finishTile(start / tileTokens);
  }
  return cache.output();
}

class TestCache {
  readonly #harness: KernelHarness;
  readonly #kernels: AttentionKernels & CacheKernels;
  readonly #shape: Shape;
  readonly #numbers = new Float64Array(256);
  readonly #scratch: number;
  readonly #inputs: Readonly<Record<keyof Inputs, number>>;
  readonly #output: number;
  readonly #tiles: number[] = [];
  readonly #own: number;

  constructor(harness: KernelHarness, shape: Shape, inputs: Inputs) {
    harness.clear();
    const { headDim, group, tokens, keyValueHeads, type } = shape;
    this.#harness = harness;
    this.#kernels = harness.kernels as unknown as AttentionKernels & CacheKernels;
    this.#shape = shape;
    this.#scratch = harness.room(Math.max(attentionScratchBytes(headDim, group), cacheScratchBytes(headDim)));
    this.#inputs = {
      queries: harness.put(inputs.queries),
      keys: harness.put(inputs.keys),
      values: harness.put(inputs.values),
      cos: harness.put(inputs.cos),
      sin: harness.put(inputs.sin),
    };
    this.#output = harness.room(tokens * keyValueHeads * group * headDim * 4);
    for (let i = 0; i < tokens; i += tileTokens)
      this.#tiles.push(harness.room(tileBytes(type, headDim) * keyValueHeads));
    this.#own = harness.room(tileBytes("f32", headDim) * keyValueHeads);
  }

  get #ownType(): TileType {
    return this.#shape.type === "q8" ? "f32" : this.#shape.type;
  }

  #ownTile(position: number): number {
    return this.#shape.type === "q8" ? this.#own : this.#tiles[Math.floor(position / tileTokens)]!;
  }

  write(position: number, rows: number): void {
    const { keyValueHeads, headDim, pairs } = this.#shape;
    const stride = keyValueHeads * headDim * 4;
    const { keys, values, cos, sin } = this.#inputs;
    this.#numbers.set([
      keys + position * stride,
      stride,
      values + position * stride,
      stride,
      cos + position * pairs * 4,
      sin + position * pairs * 4,
      0,
      rows,
      position,
      keyValueHeads,
      headDim,
      pairs,
      tileTypes.indexOf(this.#ownType),
      this.#ownTile(position),
      tileBytes(this.#ownType, headDim),
    ]);
    writeCache(this.#kernels, this.#scratch, this.#numbers, 0);
  }

  finishTile(tile: number): void {
    const { type, keyValueHeads, headDim } = this.#shape;
    if (type !== "q8") return;
    for (let head = 0; head < keyValueHeads; head++) {
      const source = this.#own + head * tileBytes("f32", headDim);
      this.#numbers.set([source, this.#tiles[tile]! + head * tileBytes("q8", headDim), headDim]);
      quantise(this.#kernels, this.#scratch, this.#numbers, 0);
    }
  }

  attend(position: number, tokens: number, spansApart = false): void {
    const { type, keyValueHeads, group, headDim, pairs } = this.#shape;
    const stride = keyValueHeads * group * headDim * 4;
    this.#numbers.set(this.#tiles, 100);
    for (let head = 0; head < keyValueHeads; head++) {
      this.#numbers.set([
        this.#inputs.queries + position * stride,
        stride,
        this.#output + position * stride,
        stride,
        this.#inputs.cos + position * pairs * 4,
        this.#inputs.sin + position * pairs * 4,
        0,
        tokens,
        position,
        head,
        group,
        headDim,
        pairs,
        1 / Math.sqrt(headDim),
        tileTypes.indexOf(type),
        100,
        head * tileBytes(type, headDim),
        this.#ownTile(position) + head * tileBytes(this.#ownType, headDim),
        0,
        0,
      ]);
      if (!spansApart) {
        attend(this.#kernels, this.#scratch, this.#numbers, 0);
        continue;
      }
      const bytes = partialBytes(headDim, group, tokens);
      const spans = spanCount(position);
      const partials = this.#harness.room(bytes * spans);
      for (let span = spans - 1; span >= 0; span--) {
        this.#numbers[attendItem.partial] = partials + span * bytes;
        this.#numbers[attendItem.span] = span;
        attend(this.#kernels, this.#scratch, this.#numbers, 0);
      }
      const output = this.#output + position * stride;
      this.#numbers.set([partials, bytes, spans, output, stride, tokens, head, group, headDim], 50);
      mergeSpans(this.#kernels, this.#scratch, this.#numbers, 50);
    }
  }

  output(): Float32Array {
    const { tokens, keyValueHeads, group, headDim } = this.#shape;
    return this.#harness.get(Float32Array, this.#output, tokens * keyValueHeads * group * headDim);
  }
}

function randomInputs({ tokens, keyValueHeads, group, headDim, pairs }: Shape): Inputs {
  const normal = normalNumbers();
  const rows = (columns: number) => Float32Array.from({ length: tokens * columns }, normal);
  const angles = rows(pairs).map((x) => x * 10);
  return {
    queries: rows(keyValueHeads * group * headDim),
    keys: rows(keyValueHeads * headDim),
    values: rows(keyValueHeads * headDim),
    cos: angles.map(Math.cos),
    sin: angles.map(Math.sin),
  };
}

function normalNumbers(): () => number {
  let state = 1;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Relative errors of rows of attention, as vectors, beside float64. */
function relativeErrors(shape: Shape, inputs: Inputs, out: Float32Array): { mean: number; largest: number } {
  const { tokens, keyValueHeads, group, headDim } = shape;
  const heads = keyValueHeads * group;
  const queries = rotated(shape, inputs, inputs.queries, heads);
  const keys = rotated(shape, inputs, inputs.keys, keyValueHeads);
  const errors: number[] = [];
  for (let token = 0; token < tokens; token += 1 + Math.floor(tokens / 40)) {
    for (let head = 0; head < heads; head++) {
      const keyHead = Math.floor(head / group);
      const query = (token * heads + head) * headDim;
      const weights: number[] = [];
      for (let i = 0; i <= token; i++) {
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
          expected += weight * inputs.values[(i * keyValueHeads + keyHead) * headDim + d]!;
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

function rotated({ tokens, headDim, pairs }: Shape, { cos, sin }: Inputs, rows: Float32Array, heads: number) {
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
