import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { openBlobs } from "../src/checkpoint/blobs.ts";
import { dequantised, type Quantise, quantiseQ4, quantiseQ8 } from "../src/checkpoint/quantise.ts";
import { openTensors } from "../src/checkpoint/tensors.ts";
import type { Model, ModelFiles } from "../src/index.ts";
import { expectedTensors, parseModelConfig } from "../src/model/config.ts";
import { tiny } from "./tiny.ts";

/** The tensors that are kept in 8 bits where the others are in 4. */
const outer = new Set(["model.embed_tokens.weight", "lm_head.weight"]);

/** The same model with weights in float32 that are what quantised ones stand for: what an exact backend makes of it is what a fast one should. */
export async function dequantisedModel(files: ModelFiles, weights: "q8" | "q4"): Promise<ModelFiles> {
  const source = openBlobs(files);
  const index = await openTensors(source);
  const config = parseModelConfig(JSON.parse(await (files["config.json"] as Blob).text()));
  const tensors = new Map<string, { readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> }>();
  for (const [name, shape] of expectedTensors(config)) {
    const quantise: Quantise = weights === "q8" || outer.has(name) ? quantiseQ8 : quantiseQ4;
    const data = await index.readFloat32(name);
    tensors.set(name, { shape, data: shape.length === 1 ? data : dequantised(data, shape[1]!, quantise) });
  }
  return { ...files, "model.safetensors": new Blob(writeSafetensors(tensors)) };
}

/**
 * A model of random weights, normally distributed.
 *
 * @param gain - on the output matrix: makes the answers surer
 * @param range - of the layers' and the embedding matrices, as transformers' `initializer_range`; else 1/√inputs
 */
export function randomModel(config: object, gain: number, seed = 1, range?: number): ModelFiles {
  const random = normalNumbers(seed);
  const tensors = new Map<string, { readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> }>();
  for (const [name, shape] of expectedTensors(parseModelConfig(config))) {
    const count = shape.reduce((product, size) => product * size, 1);
    const inputs = shape[1] ?? 1;
    const scale = name === "lm_head.weight" ? gain / Math.sqrt(inputs) : (range ?? 1 / Math.sqrt(inputs));
    const isNorm = name.includes("norm");
    const data = new Float32Array(count);
    for (let i = 0; i < count; i++) data[i] = shape.length === 1 ? (isNorm ? 1 : 0) + 0.1 * random() : scale * random();
    tensors.set(name, { shape, data });
  }
  return {
    "config.json": new Blob([JSON.stringify(config)]),
    "model.safetensors": new Blob(writeSafetensors(tensors)),
  };
}

/** A random model of the embedded one's configuration with changes, and its tokenizer. */
export async function randomWithTokenizer(changes: object): Promise<ModelFiles> {
  const config = JSON.parse(await readFile(join(tiny, "config.json"), "utf8"));
  const blob = async (name: string): Promise<Blob> => new Blob([await readFile(join(tiny, name))]);
  return {
    ...randomModel({ ...config, ...changes }, 4),
    "tokenizer.json": await blob("tokenizer.json"),
    "tokenizer_config.json": await blob("tokenizer_config.json"),
  };
}

/**
 * @param a, b - logits, [rows, vocabulary]
 * @returns the mean over rows of KL(a ‖ b), in nats, and the mean entropy of a
 */
export function divergence(
  a: Float32Array,
  b: Float32Array,
  vocabulary: number,
): { readonly divergence: number; readonly entropy: number } {
  let total = 0;
  let entropy = 0;
  const rows = a.length / vocabulary;
  for (let row = 0; row < rows; row++) {
    const p = logSoftmax(a.subarray(row * vocabulary, (row + 1) * vocabulary));
    const q = logSoftmax(b.subarray(row * vocabulary, (row + 1) * vocabulary));
    for (let i = 0; i < vocabulary; i++) {
      total += Math.exp(p[i]!) * (p[i]! - q[i]!);
      entropy -= Math.exp(p[i]!) * p[i]!;
    }
  }
  return { divergence: total / rows, entropy: entropy / rows };
}

/** The logits of all tokens. */
export async function logitsOf(model: Model, tokens: readonly number[]): Promise<Float32Array> {
  await using session = await model.createSession();
  const { logits } = await session.append(tokens, { logits: "all" });
  return logits!;
}

function logSoftmax(logits: Float32Array): Float64Array {
  const largest = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const sum = logits.reduce((total, value) => total + Math.exp(value - largest), 0);
  return Float64Array.from(logits, (value) => value - largest - Math.log(sum));
}

export function writeSafetensors(
  tensors: ReadonlyMap<string, { readonly shape: readonly number[]; readonly data: Float32Array<ArrayBuffer> }>,
): BlobPart[] {
  const header: Record<string, object> = {};
  let offset = 0;
  for (const [name, { shape, data }] of tensors) {
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + data.byteLength] };
    offset += data.byteLength;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const start = new Uint8Array(8 + padded).fill(32, 8);
  new DataView(start.buffer).setBigUint64(0, BigInt(padded), true);
  start.set(json, 8);
  return [start, ...[...tensors.values()].map(({ data }) => data)];
}

/** Normally distributed numbers, the same in every run. @see Marsaglia and Bray (1964), the polar method */
export function normalNumbers(seed: number): () => number {
  let state = seed;
  const uniform = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 31 - 1;
  };
  let spare: number | undefined;
  return () => {
    if (spare !== undefined) {
      const result = spare;
      spare = undefined;
      return result;
    }
    for (;;) {
      const [x, y] = [uniform(), uniform()];
      const square = x * x + y * y;
      if (square === 0 || square >= 1) continue;
      const factor = Math.sqrt((-2 * Math.log(square)) / square);
      spare = y * factor;
      return x * factor;
    }
  };
}
