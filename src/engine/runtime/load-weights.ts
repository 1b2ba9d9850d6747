import { platform } from "#platform";
import type { Backend, Weight, WeightSpace, WeightSpec, WeightType } from "../../backend/backend.ts";
import type { CheckpointFiles } from "../../checkpoint/files.ts";
import { canFingerprint, digestTensor, fingerprintModel } from "../../checkpoint/fingerprint.ts";
import { identifyCheckpoint } from "../../checkpoint/identity.ts";
import type { TensorIndex } from "../../checkpoint/tensors.ts";
import { expectedTensors, type ModelConfig } from "../../model/config.ts";
import type { LoadCall } from "../methods.ts";
import type { Progress } from "../options.ts";
import type { WeightCache, WeightCacheKey } from "../weight-cache.ts";

/** Weights that take less than this are made anew each time: reading them is no faster. */
const leastCachedBytes = 64 * 2 ** 20;
/** Read from the disk's cache between two looks at the signal. */
const readBytes = 128 * 2 ** 20;

/** All weights of a model, loaded. */
export interface LoadedWeights {
  readonly byName: ReadonlyMap<string, Weight>;
  /** What ties saved sessions to these weights; undefined where SHA-256 is not to be had. Computed when it is first asked for. */
  readonly fingerprint: () => Promise<string | undefined>;
}

/**
 * The tensors of a model and how each is kept: as the checkpoint has it unless the options say otherwise; the embedding and output matrices in no
 * fewer than 8 bits, since they decide which token it is.
 */
export function weightSpecs(config: ModelConfig, index: TensorIndex, call: LoadCall): WeightSpec[] {
  const { backend, weights, embeddings = weights === "q4" ? "q8" : weights } = call;
  const outer = new Set(["model.embed_tokens.weight", "lm_head.weight"]);
  return [...expectedTensors(config)].map(([name, shape]) => {
    const asked = outer.has(name) ? embeddings : weights;
    return { name, shape, type: backend === "reference" ? "f32" : (asked ?? storedType(index.entry(name)?.dtype)) };
  });
}

function storedType(dtype: string | undefined): WeightType {
  if (dtype === "BF16") return "bf16";
  return dtype === "F16" ? "f16" : "f32";
}

/**
 * Reads the weights as a stream, or, repacked as they were at an earlier start, from the disk's cache.
 *
 * @throws CheckpointError, UnsupportedError; the signal's reason
 */
export async function loadWeights(
  files: CheckpointFiles,
  index: TensorIndex,
  config: ModelConfig,
  specs: readonly WeightSpec[],
  backend: Backend,
  { signal, onProgress }: { readonly signal: AbortSignal; readonly onProgress: (progress: Progress) => void },
): Promise<LoadedWeights> {
  const space = backend.allocateWeights(specs);
  const { weightCache } = platform;
  const isWorthIt = weightCache && space.packed && space.packed.bytes.length >= leastCachedBytes;
  // Before anything is read; see `identifyCheckpoint`.
  const identity = isWorthIt ? await identifyCheckpoint(files, index) : undefined;
  const key = identity && { ...identity, format: formatOf(space, specs) };
  const tell = (completed: number, total: number): void => onProgress({ phase: "load", completed, total });
  if (!(key && weightCache && (await readCached(weightCache, key, space, signal, tell)))) {
    await readSource(index, specs, space, signal, tell);
    // In the background: the first answer does not wait for the disk.
    if (key && weightCache) void writeCached(weightCache, key, space);
  }
  let fingerprint: Promise<string | undefined> | undefined;
  return {
    byName: new Map(specs.map(({ name }, i) => [name, space.weights[i]!])),
    fingerprint: () => {
      fingerprint ??= computeFingerprint(config, specs, space);
      return fingerprint;
    },
  };
}

async function readSource(
  index: TensorIndex,
  specs: readonly WeightSpec[],
  space: WeightSpace,
  signal: AbortSignal,
  tell: (completed: number, total: number) => void,
): Promise<void> {
  const total = specs.reduce((sum, { shape }) => sum + count(shape), 0);
  const bytesEach = specs.reduce((sum, { name }) => sum + sizeOf(index.entry(name)), 0) / total;
  let completed = 0;
  for (const [i, { name }] of specs.entries()) {
    await space.fill(i, {
      read: async (start, end) => {
        signal.throwIfAborted();
        const numbers = await index.readFloat32(name, start, end);
        completed += end - start;
        tell(completed * bytesEach, total * bytesEach);
        return numbers;
      },
    });
  }
}

/** @returns whether the weights are there */
async function readCached(
  cache: WeightCache,
  key: WeightCacheKey,
  { packed }: WeightSpace,
  signal: AbortSignal,
  tell: (completed: number, total: number) => void,
): Promise<boolean> {
  const bytes = packed!.bytes;
  const entry = await cache.open(key);
  if (!entry) return false;
  try {
    if (entry.byteLength !== bytes.length) return false;
    for (let start = 0; start < bytes.length; start += readBytes) {
      signal.throwIfAborted();
      await entry.read(start, bytes.subarray(start, start + readBytes));
      tell(Math.min(bytes.length, start + readBytes), bytes.length);
    }
    return true;
  } catch (error) {
    if (signal.aborted) throw error;
    return false; // then from the source
  } finally {
    await entry.close();
  }
}

async function writeCached(cache: WeightCache, key: WeightCacheKey, { packed }: WeightSpace): Promise<void> {
  const writer = await cache.create(key, packed!.bytes.length).catch(() => undefined);
  if (!writer) return;
  try {
    await writer.write(packed!.bytes);
    await writer.commit({});
  } finally {
    await writer.discard();
  }
}

/** Which bytes these are: the layout, and the types of all tensors. */
function formatOf({ packed }: WeightSpace, specs: readonly WeightSpec[]): string {
  const matrices = specs.filter(({ shape }) => shape.length > 1);
  const types = [...new Set(matrices.map(({ type }) => type))].sort();
  const embedding = matrices.find(({ name }) => name === "model.embed_tokens.weight")?.type;
  return `${packed!.format}, ${types.join("+")}, embeddings ${embedding}`;
}

async function computeFingerprint(
  config: ModelConfig,
  specs: readonly WeightSpec[],
  space: WeightSpace,
): Promise<string | undefined> {
  if (!canFingerprint()) return undefined;
  const digests = [];
  for (const [i, spec] of specs.entries()) digests.push(await digestTensor(spec, space.contents(i)));
  return fingerprintModel(config, digests);
}

function count(shape: readonly number[]): number {
  return shape.reduce((product, size) => product * size, 1);
}

function sizeOf(entry: { readonly start: number; readonly end: number } | undefined): number {
  return entry ? entry.end - entry.start : 0;
}
