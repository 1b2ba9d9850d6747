import { expect, test } from "vitest";
import type { Backend, KeyScales, Weight } from "../src/backend/backend.ts";
import { createReferenceBackend } from "../src/backend/reference/reference.ts";
import { kernelVariants } from "../src/backend/wasm/builder/variant.ts";
import { createWasmBackend } from "../src/backend/wasm/wasm.ts";
import { parseModelConfig } from "../src/model/config.ts";
import { areExponents, KeyScaleFinder, keyScales } from "../src/model/key-scales.ts";
import { resolveRotaryEncoding, rotaryRows } from "../src/position/index.ts";

/*
 * Qwen2's key biases: a few channels of a head are tens of times as large as the others. What an 8-bit cache makes of that, with the keys' scales and without,
 * beside exact attention.
 */
const [heads, headDim, hidden, rows] = [7, 64, 448, 512];
const config = parseModelConfig({
  model_type: "qwen2",
  hidden_size: hidden,
  intermediate_size: 32,
  num_hidden_layers: 1,
  num_attention_heads: heads,
  num_key_value_heads: 1,
  vocab_size: 32,
  max_position_embeddings: 32768,
  rope_theta: 1e6,
});
const prefix = "model.layers.0";
const pairs = headDim / 2;

/**
 * Outliers in the slow pairs, where Qwen2 has them: they hardly turn, and say the same to every query. A channel that is M times as large as the others is rounded
 * M times as coarsely whatever it is scaled by, so that the more of them there are, the less can be won.
 */
const planted: readonly (readonly [string, number, readonly (readonly [number, number])[]])[] = [
  ["one outlier", 4, [[30, 150]]],
  [
    "two outliers",
    4,
    [
      [28, 120],
      [31 + pairs, 90],
    ],
  ],
  [
    "four outliers",
    3.5,
    [
      [28, 120],
      [29, -90],
      [30 + pairs, 150],
      [31, 60],
    ],
  ],
];

function randomNumbers(count: number, scale: number, seed: number): Float32Array<ArrayBuffer> {
  let state = seed;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return Float32Array.from(
    { length: count },
    () => scale * Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}

const tensors = new Map<string, { readonly shape: readonly number[]; readonly numbers: Float32Array<ArrayBuffer> }>();
const put = (name: string, shape: readonly number[], numbers: Float32Array<ArrayBuffer>): void =>
  void tensors.set(`${prefix}.${name}`, { shape, numbers });
put("input_layernorm.weight", [hidden], new Float32Array(hidden).fill(1));
put("self_attn.q_proj.weight", [heads * headDim, hidden], randomNumbers(heads * headDim * hidden, hidden ** -0.5, 1));
put("self_attn.k_proj.weight", [headDim, hidden], randomNumbers(headDim * hidden, hidden ** -0.5, 2));
put("self_attn.v_proj.weight", [headDim, hidden], randomNumbers(headDim * hidden, hidden ** -0.5, 3));
put("self_attn.q_proj.bias", [heads * headDim], randomNumbers(heads * headDim, 0.3, 4));
put("self_attn.v_proj.bias", [headDim], randomNumbers(headDim, 0.3, 6));

function plant(outliers: readonly (readonly [number, number])[]): void {
  const bias = randomNumbers(headDim, 0.3, 5);
  for (const [channel, value] of outliers) bias[channel] = value;
  put("self_attn.k_proj.bias", [headDim], bias);
}

function findExponents(): Int8Array {
  const finder = new KeyScaleFinder(config);
  for (const [name, { numbers }] of tensors) finder.observe(name, 0, numbers);
  return finder.exponents(pairs);
}

/** Attention of all rows, [rows, heads · headDim]. */
async function attend(backend: Backend, type: "f32" | "q8", scales?: KeyScales): Promise<Float32Array> {
  const specs = [...tensors].map(([name, { shape }]) => ({ name, shape, type: "f32" as const }));
  const input = { name: "x", shape: [rows, hidden], type: "f32" as const };
  const space = backend.allocateWeights([...specs, input]);
  const sources = [...[...tensors.values()].map(({ numbers }) => numbers), randomNumbers(rows * hidden, 1, 7)];
  for (const [i, numbers] of sources.entries())
    await space.fill(i, { read: async (start, end) => numbers.slice(start, end) });
  const weight = (name: string): Weight => space.weights[specs.findIndex((spec) => spec.name === `${prefix}.${name}`)]!;

  const { blockTokens } = backend;
  const store = backend.createBlockStore({ layers: 1, keyValueHeads: 1, headDim, blockTokens, type }, scales);
  const blocks = Array.from({ length: Math.ceil(rows / blockTokens) }, () => store.allocate());
  const segments = [{ firstRow: 0, rows, final: rows, firstPosition: 0, blocks }];
  const encoding = resolveRotaryEncoding(config, { method: "default" });
  const rotary = rotaryRows(
    encoding,
    Array.from({ length: rows }, (_, i) => i),
  );
  const x = backend.embed(
    space.weights.at(-1)!,
    Uint32Array.from({ length: rows }, (_, i) => i),
  );
  const project = (name: string) =>
    backend.linear(x, weight(`self_attn.${name}.weight`), weight(`self_attn.${name}.bias`));
  backend.writeCache(store, 0, backend.rotate(project("k_proj"), headDim, rotary), project("v_proj"), segments);
  const queries = backend.rotate(project("q_proj"), headDim, rotary);
  const out = (await backend.read(backend.attention(queries, store, 0, segments, headDim ** -0.5))).slice();
  await backend.endStep(true);
  return out;
}

/** The error of the rows that read quantised keys, relative to the size of the exact result. */
function errorOf(result: Float32Array, exact: Float32Array): number {
  let [error, size] = [0, 0];
  for (let i = 128 * heads * headDim; i < exact.length; i++) {
    error += (result[i]! - exact[i]!) ** 2;
    size += exact[i]! ** 2;
  }
  return Math.sqrt(error / size);
}

test.each(planted)("%s: at most 1/%d of the error is left", async (_, share, outliers) => {
  plant(outliers);
  const exact = await attend(createReferenceBackend(), "f32");
  const scales = keyScales(config, findExponents(), pairs);
  expect([...scales.fineHeads]).toEqual([1]);
  for (const variant of kernelVariants) {
    const backend = await createWasmBackend({ threads: 2, variant });
    const without = errorOf(await attend(backend, "q8"), exact);
    const scaled = errorOf(await attend(backend, "q8", scales), exact);
    expect(errorOf(await attend(backend, "f32"), exact)).toBeLessThan(1e-5);
    expect(without).toBeGreaterThan(0.05);
    expect(scaled).toBeLessThan(without / share);
  }
});

test("without outliers hardly anything is scaled, and no query is fine", () => {
  plant([]);
  const exponents = findExponents();
  expect(Math.max(...exponents.map(Math.abs))).toBeLessThanOrEqual(1);
  expect([...keyScales(config, exponents, pairs).fineHeads]).toEqual([0]);
});

test("scales change nothing in exact arithmetic: the same bits in an f32 cache", async () => {
  plant(planted[2]![2]);
  const backend = await createWasmBackend({ threads: 1, variant: "relaxed" });
  expect(await attend(backend, "f32", keyScales(config, findExponents(), pairs))).toEqual(await attend(backend, "f32"));
});

test("the pairs with outliers are scaled down, the others hardly; what is read back is checked", () => {
  const outliers = planted[2]![2];
  plant(outliers);
  const exponents = [...findExponents()];
  for (const [channel] of outliers) expect(exponents[channel % pairs]).toBeGreaterThanOrEqual(2);
  for (const [pair, exponent] of exponents.entries()) if (pair < 28) expect(Math.abs(exponent)).toBeLessThanOrEqual(1);
  expect(areExponents(exponents, pairs)).toBe(true);
  expect(areExponents([...exponents.slice(1), 11], pairs)).toBe(false);
  expect(areExponents([...exponents.slice(1), 0.5], pairs)).toBe(false);
  expect(areExponents(exponents, pairs + 1)).toBe(false);
});
