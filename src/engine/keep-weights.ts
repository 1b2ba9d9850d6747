import type { MatrixType, WeightSpace, WeightSpec } from "../backend/backend.ts";
import type { CheckpointFiles } from "../checkpoint/files.ts";
import { identifyCheckpoint } from "../checkpoint/identity.ts";
import type { TensorIndex } from "../checkpoint/tensors.ts";
import { areExponents } from "../model/key-scales.ts";
import type { WeightCache, WeightCacheKey } from "./weight-cache.ts";

/** Weights that take less than this are made anew each time: reading them is no faster. */
const leastCachedBytes = 64 * 2 ** 20;
/** Read from the disk's cache between two looks at the signal. */
const readBytes = 128 * 2 ** 20;

/** A model's weights on the disk, and where they belong in memory. */
export interface KeptWeights {
  /**
   * Reads them into their place, where they are there.
   *
   * @param tell - told the bytes read so far, of all
   * @returns the exponents of the keys' scales; undefined where the weights have to come from the source
   * @throws the signal's reason
   */
  read(
    exponentCount: number,
    signal: AbortSignal,
    tell: (completed: number, total: number) => void,
  ): Promise<Int8Array | undefined>;
  /** Writes them, as they are in memory. */
  write(exponents: Int8Array): Promise<void>;
}

/**
 * Finds out what stands for a model's weights on the disk. To be called before anything is read of them: see `identifyCheckpoint`.
 *
 * @returns undefined where they are not kept
 */
export type KeepWeights = (
  files: CheckpointFiles,
  index: TensorIndex,
  space: WeightSpace,
  specs: readonly WeightSpec[],
) => Promise<KeptWeights | undefined>;

/** Keeps weights in a cache. A page has none, and none of this. @param leastBytes - those of weights that it is worth it for */
export function createWeightKeeper(cache: WeightCache, leastBytes: number = leastCachedBytes): KeepWeights {
  return async (files, index, space, specs) => {
    if (!space.packed || totalBytes(space) < leastBytes) return undefined;
    const identity = await identifyCheckpoint(files, index);
    if (!identity) return undefined;
    const key = { ...identity, format: formatOf(space, specs) };
    const types = specs.map(({ type }) => type);
    return {
      read: (exponentCount, signal, tell) => readCached(cache, key, space, { types, exponentCount }, signal, tell),
      write: (exponents) => writeCached(cache, key, space, { types, exponents }),
    };
  };
}

/** @returns the exponents of the keys' scales, when the weights are there */
async function readCached(
  cache: WeightCache,
  key: WeightCacheKey,
  space: WeightSpace,
  { types, exponentCount }: { readonly types: readonly MatrixType[]; readonly exponentCount: number },
  signal: AbortSignal,
  tell: (completed: number, total: number) => void,
): Promise<Int8Array | undefined> {
  const total = totalBytes(space);
  const entry = await cache.open(key);
  if (!entry) return undefined;
  try {
    const header = (entry.header ?? {}) as { readonly keyExponents?: unknown; readonly types?: unknown };
    const { keyExponents } = header;
    if (entry.byteLength !== total || !areExponents(keyExponents, exponentCount)) return undefined;
    if (JSON.stringify(header.types) !== JSON.stringify(types)) return undefined;
    let completed = 0;
    for (const part of space.packed!.parts) {
      for (let start = 0; start < part.length; start += readBytes) {
        signal.throwIfAborted();
        const piece = part.subarray(start, start + readBytes);
        await entry.read(completed, piece);
        completed += piece.length;
        tell(completed, total);
      }
    }
    return Int8Array.from(keyExponents);
  } catch (error) {
    if (signal.aborted) throw error;
    return undefined; // then from the source
  } finally {
    await entry.close();
  }
}

async function writeCached(
  cache: WeightCache,
  key: WeightCacheKey,
  space: WeightSpace,
  { types, exponents }: { readonly types: readonly MatrixType[]; readonly exponents: Int8Array },
): Promise<void> {
  const writer = await cache.create(key, totalBytes(space)).catch(() => undefined);
  if (!writer) return;
  try {
    for (const part of space.packed!.parts) await writer.write(part);
    await writer.commit({ types, keyExponents: [...exponents] });
  } finally {
    await writer.discard();
  }
}

/** Which bytes these are, in words: the layout, and the types of tensors. Which tensor has which stands in the entry itself. */
function formatOf({ packed }: WeightSpace, specs: readonly WeightSpec[]): string {
  const matrices = specs.filter(({ shape }) => shape.length > 1);
  const types = [...new Set(matrices.map(({ type }) => type))].sort();
  const embedding = matrices.find(({ name }) => name === "model.embed_tokens.weight")?.type;
  return `${packed!.format}, ${types.join("+")}, embeddings ${embedding}`;
}

function totalBytes({ packed }: WeightSpace): number {
  return packed!.parts.reduce((sum, { length }) => sum + length, 0);
}
