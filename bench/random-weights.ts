import { createRandom } from "../src/sampling/random.ts";

/** Writes a tensor's numbers from element `start` on into the whole of `target`, as bfloat16. */
export type FillTensor = (target: Uint16Array, start: number) => void;

/** Numbers in a table of normals: 4 MiB, so that copying from it stays within a processor's cache. */
const tableLength = 2 ** 21;

/** Numbers copied at once. */
const runLength = 2 ** 15;

/**
 * Random weights as fast as memory can be copied: every run of 32,768 numbers is a window into a table of normals, at a place that is drawn from the
 * seed, the tensor's name and the run's number. Tensors and their rows differ; the same seed gives the same bytes everywhere.
 *
 * Standard deviations keep activations near 1 through any number of layers: 1/√inputs for projections, 2/√hidden for embeddings (logits near 2),
 * 0.3 for biases; norms are 1 ± 0.1. With an initializer range they are what transformers makes before training: that range for all matrices, norms of 1,
 * no biases. Widths of thousands make activations larger from layer to layer then, and errors with them.
 *
 * @param seed - a whole number
 */
export function createRandomWeights(
  seed: number,
  initializerRange?: number,
): (name: string, shape: readonly number[]) => FillTensor {
  const normals = createNormals(seed);
  const tables = new Map<string, Uint16Array>();
  const tableOf = (mean: number, deviation: number): Uint16Array => {
    const key = `${mean} ${deviation}`;
    const table = tables.get(key) ?? toBfloat16(normals, mean, deviation);
    tables.set(key, table);
    return table;
  };
  return (name, shape) => {
    const { mean, deviation } =
      initializerRange === undefined ? distributionOf(name, shape) : untrained(name, shape, initializerRange);
    return fillFrom(tableOf(mean, deviation), hashText(`${seed}/${name}`));
  };
}

function distributionOf(name: string, shape: readonly number[]): { readonly mean: number; readonly deviation: number } {
  if (name.endsWith(".bias")) return { mean: 0, deviation: 0.3 };
  if (name.endsWith("norm.weight")) return { mean: 1, deviation: 0.1 };
  const inputs = shape.at(-1) ?? 1;
  const isVocabulary = name === "model.embed_tokens.weight" || name === "lm_head.weight";
  return { mean: 0, deviation: (isVocabulary ? 2 : 1) / Math.sqrt(inputs) };
}

function untrained(
  name: string,
  shape: readonly number[],
  initializerRange: number,
): { readonly mean: number; readonly deviation: number } {
  if (shape.length > 1) return { mean: 0, deviation: initializerRange };
  return { mean: name.endsWith(".bias") ? 0 : 1, deviation: 0 };
}

function fillFrom(table: Uint16Array, tensorHash: number): FillTensor {
  return (target, start) => {
    for (let filled = 0; filled < target.length; ) {
      const run = Math.floor((start + filled) / runLength);
      const within = start + filled - run * runLength;
      const count = Math.min(runLength - within, target.length - filled);
      const from = (hashNumber(tensorHash + Math.imul(run, 0x9e3779b1)) % (tableLength - runLength)) + within;
      target.set(table.subarray(from, from + count), filled);
      filled += count;
    }
  };
}

/** Normal numbers of mean 0 and deviation 1, in pairs by Box and Muller's method. */
function createNormals(seed: number): Float32Array {
  const random = createRandom(seed);
  const normals = new Float32Array(tableLength);
  for (let i = 0; i < tableLength; i += 2) {
    const radius = Math.sqrt(-2 * Math.log(1 - random.next()));
    const angle = 2 * Math.PI * random.next();
    normals[i] = radius * Math.cos(angle);
    normals[i + 1] = radius * Math.sin(angle);
  }
  return normals;
}

/** Rounded to the nearest, ties to even. */
function toBfloat16(normals: Float32Array, mean: number, deviation: number): Uint16Array {
  const rounded = new Uint16Array(normals.length);
  const scaled = new Float32Array(1);
  const bits = new Uint32Array(scaled.buffer);
  for (let i = 0; i < normals.length; i++) {
    scaled[0] = mean + deviation * normals[i]!;
    const word = bits[0]!;
    rounded[i] = (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
  }
  return rounded;
}

/** FNV-1a. */
function hashText(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hashNumber(hash);
}

/** The end of murmur3: every bit of the input changes half of the output's. @returns a whole number below 2^32 */
function hashNumber(value: number): number {
  let hash = value >>> 0;
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}
