import { platform } from "#platform";
import { InvalidOptionError, UnsupportedError } from "../errors.ts";
import type { ClearedWeights, WeightCache, WeightCacheListing } from "./weight-cache.ts";

/**
 * What the disk holds of models' repacked weights, which make a second start quick. `SKEIN_CACHE` names the folder, `SKEIN_CACHE_LIMIT` what it may
 * take.
 *
 * @throws UnsupportedError in a browser; InvalidOptionError when `SKEIN_CACHE_LIMIT` is not a size; SkeinError (code `read_failed`) where the folder may not
 * be read
 *
 * @example
 * const { entries, bytes, limit } = await listCachedWeights();
 */
export async function listCachedWeights(): Promise<WeightCacheListing> {
  return await requireCache().list();
}

/**
 * Removes repacked weights from the disk. Models that are loaded are not touched, and the next start of one makes them again.
 *
 * @param source - the folder of a model; without it, all are removed
 * @returns what was removed; zeros when there was nothing
 * @throws UnsupportedError in a browser; SkeinError (codes `read_failed`, `write_failed`) where the folder may not be read, or something of it not be removed
 *
 * @example
 * const { bytes } = await clearCachedWeights("models/Qwen2-7B-Instruct");
 */
export async function clearCachedWeights(source?: string): Promise<ClearedWeights> {
  if (source !== undefined && (typeof source !== "string" || source === "")) {
    throw new InvalidOptionError("source", "must be the path of a model's folder; leave it out to remove everything");
  }
  return await requireCache().clear(source);
}

function requireCache(): WeightCache {
  if (platform.weightCache === undefined) throw new UnsupportedError("a browser keeps no weights on disk");
  return platform.weightCache;
}
