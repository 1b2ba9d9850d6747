import { superBlockBytes } from "../../checkpoint/gguf/blocks-k.ts";
import { createRandom } from "../../sampling/random.ts";
import type { Backend, CacheType, KeyScales, MatrixType, Tensor, Weight, WeightSource } from "../backend.ts";
import { mostRows } from "./kernels/row-records.ts";
import { tileTokens } from "./kernels/tile-layout.ts";
import { panelRows } from "./layout.ts";
import { spanTiles } from "./operations/attention.ts";

/** What a model computes with. */
export interface KernelUse {
  /** Of its matrices: how they are kept, and whether activations meet them finely. */
  readonly matrices: readonly { readonly type: MatrixType; readonly isFine?: boolean }[];
  readonly cache: CacheType;
  readonly headDim: number;
}

/** Inputs: two whole super-blocks, so that every type has several blocks. */
const inputs = 512;
/** Outputs: two groups, and one that is not whole. */
const outputs = 40;
/** One row, and tiles of every height. */
const rowCounts = [1, ...Array.from({ length: panelRows }, (_, i) => panelRows + i + 1)];
/** Where the float16 are among the bytes of ggml's super-blocks of 256 numbers. */
const superBlockScales = { q4_k: [0, 2], q6_k: [208] } as const;

/** A tile of the cache that is complete, and a piece of the next. */
const tokens = tileTokens + 24;
/** Answers come behind the complete tile this many times, so that there are two spans to be merged. */
const repeats = spanTiles;

/**
 * Computes a little with every kernel that such a model uses, in all its sizes: from a seed, so that two backends can be compared.
 *
 * @returns all numbers that came out, in an order that is always the same
 */
export async function exercise(backend: Backend, use: KernelUse): Promise<readonly Float32Array[]> {
  return [...(await multiply(backend, use.matrices)), ...(await attend(backend, use))];
}

async function multiply(backend: Backend, matrices: KernelUse["matrices"]): Promise<Float32Array[]> {
  const rows = Math.max(...rowCounts);
  const space = backend.allocateWeights([
    { name: "x", shape: [rows, inputs], type: "f32" },
    { name: "gain", shape: [inputs], type: "f32" },
    ...matrices.map((matrix, i) => ({ ...matrix, name: `matrix ${i}`, shape: [outputs, inputs] })),
  ]);
  await space.fill(0, randomSource("f32", 1));
  await space.fill(1, randomSource("f32", 2));
  for (const [i, { type }] of matrices.entries()) await space.fill(i + 2, randomSource(type, i + 3));
  const [x, gain, ...weights] = space.weights as [Weight, Weight, ...Weight[]];
  const results: Float32Array[] = [];
  for (const weight of weights) {
    for (const count of rowCounts) {
      const row = backend.embed(x, firstNumbers(count));
      const norm = backend.rmsNorm(row, gain, 1e-6);
      results.push(await compute(backend, backend.linear(backend.gatedSilu(norm, row), weight)));
    }
  }
  space.free();
  return results;
}

async function attend(backend: Backend, { cache, headDim }: KernelUse): Promise<Float32Array[]> {
  const space = backend.allocateWeights([
    { name: "keys and values", shape: [tokens + 1, headDim], type: "f32" },
    { name: "queries", shape: [tokens + 1, headDim * mostRows], type: "f32" },
    ...Array.from({ length: mostRows }, (_, i) => ({
      name: `queries of ${i + 1} heads`,
      shape: [1, headDim * (i + 1)],
      type: "f32" as const,
    })),
  ]);
  for (const i of space.weights.keys()) await space.fill(i, randomSource("f32", i + 20));
  const [numbers, many, ...single] = space.weights as [Weight, Weight, ...Weight[]];
  const pairs = headDim >> 1;
  const ones = new Float32Array(headDim).fill(1);
  const results: Float32Array[] = [];
  for (const isFine of cache === "q8" ? [false, true] : [false]) {
    const layout = { layers: 1, keyValueHeads: 1, headDim, blockTokens: tileTokens, type: cache };
    const scales: KeyScales = { multipliers: ones, fineHeads: Uint8Array.of(isFine ? 1 : 0) };
    const store = backend.createBlockStore(layout, scales);
    const blocks = [store.allocate(), store.allocate()] as const;
    const step = (first: number, rows: number, queries: Weight, whole = 1): Promise<Float32Array> => {
      const turns = (turn: (angle: number) => number): Float32Array =>
        Float32Array.from({ length: rows * pairs }, (_, i) => Math.fround(turn((first + i) / 7)));
      const rotary = { cos: turns(Math.cos), sin: turns(Math.sin), pairs };
      const firstPosition = first + (whole - 1) * tileTokens;
      const seen = [...Array<number>(whole).fill(blocks[0]), blocks[1]];
      const segments = [{ firstRow: 0, rows, final: rows, firstPosition, blocks: seen }];
      const own = backend.embed(
        numbers,
        Uint32Array.from({ length: rows }, (_, i) => first + i),
      );
      const asked = backend.embed(queries, firstNumbers(rows));
      backend.writeCache(store, 0, backend.rotate(own, headDim, rotary), own, segments);
      return compute(backend, backend.attention(backend.rotate(asked, headDim, rotary), store, 0, segments, 0.3));
    };
    results.push(await step(0, tokens, many));
    for (const queries of single) results.push(await step(tokens, 1, queries, repeats));
    for (const block of blocks) store.free(block);
  }
  space.free();
  return results;
}

async function compute(backend: Backend, x: Tensor): Promise<Float32Array> {
  const numbers = (await backend.read(x)).slice();
  await backend.endStep(true);
  return numbers;
}

function firstNumbers(count: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => i);
}

/** Numbers from -1 to 1, or super-blocks of numbers of that order. */
function randomSource(type: MatrixType, seed: number): WeightSource {
  const random = createRandom(seed);
  return {
    read: async (start, end) => Float32Array.from({ length: end - start }, () => random.next() * 2 - 1),
    readSuperBlocks: async (start, end) => {
      const blockType = type === "q4_k" ? "q4_k" : "q6_k";
      const size = superBlockBytes[blockType];
      const bytes = Uint8Array.from({ length: ((end - start) / 256) * size }, () => random.next() * 256);
      for (let block = 0; block < bytes.length; block += size)
        for (const scale of superBlockScales[blockType]) bytes.set([0x00, 0x14], block + scale); // 2^-10: random bytes may be no number
      return bytes;
    },
  };
}
