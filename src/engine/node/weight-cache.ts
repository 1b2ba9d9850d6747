import { realpath, utimes } from "node:fs/promises";
import { join, resolve } from "node:path";
import { makeFolder } from "../../checkpoint/node/make-folder.ts";
import { SkeinError } from "../../errors.ts";
import type {
  CachedWeights,
  ClearedWeights,
  WeightCache,
  WeightCacheEntry,
  WeightCacheKey,
  WeightCacheListing,
  WeightCacheWriter,
} from "../weight-cache.ts";
import { isSameKey, openEntry } from "./weight-cache-file.ts";
import {
  type CacheFile,
  entryName,
  listCacheFiles,
  remove,
  removeAbandoned,
  sizeOf,
  sourceName,
} from "./weight-cache-folder.ts";
import { defaultLimit, freeSpace, readWeightCacheSettings, type WeightCacheSettings } from "./weight-cache-settings.ts";
import { createEntryWriter } from "./weight-cache-writer.ts";

/** Bytes of the disk that are left to others. */
const sparedBytes = 2 ** 28;

/**
 * The cache of repacked weights in a folder: one file an entry (layout in weight-cache-file.ts), its time of change the last use. Processes share the
 * folder without locks: an entry appears by a rename, whole, and one that is removed stays readable for those who have it open.
 *
 * @param readSettings - asked at each call, since it may throw
 */
export function createWeightCache(readSettings: () => WeightCacheSettings = readWeightCacheSettings): WeightCache {
  async function open(key: WeightCacheKey): Promise<CachedWeights | undefined> {
    const { folder, limit } = readSettings();
    if (folder === undefined || limit === 0) return undefined;
    await removeAbandoned(await listReadable(folder));
    const path = join(folder, entryName(key));
    const entry = await openEntry(path);
    if (entry === undefined) return undefined;
    if (!isSameKey(entry.key, key)) {
      await entry.close();
      return undefined;
    }
    const now = new Date();
    // Where this is not allowed, the cache is somebody else's to keep.
    await utimes(path, now, now).catch(() => {});
    return entry;
  }

  async function create(key: WeightCacheKey, expectedBytes: number): Promise<WeightCacheWriter | undefined> {
    const { folder, limit: chosenLimit } = readSettings();
    if (folder === undefined || chosenLimit === 0) return undefined;
    const path = join(folder, entryName(key));
    try {
      await makeFolder(folder, 0o700);
    } catch {
      return undefined;
    }
    const files = await removeAbandoned(await listReadable(folder));
    const limit = chosenLimit ?? (await defaultLimit(folder, sizeOf(files)));
    if (!(await makeRoom({ folder, path, files, limit, bytes: expectedBytes }))) return undefined;
    return createEntryWriter(path, key, {
      limit,
      // Another process may have written at the same time, and more may have been written than was expected.
      onCommit: async () => {
        const present = await listReadable(folder);
        await removeOldest(
          present.filter((file) => file.path !== path),
          sizeOf(present) - limit,
        );
      },
    });
  }

  async function list(): Promise<WeightCacheListing> {
    const { folder, limit: chosenLimit } = readSettings();
    if (folder === undefined) {
      return { folder: null, limit: 0, bytes: 0, entries: [], unusable: { files: 0, bytes: 0 } };
    }
    const files = await removeAbandoned(await listCacheFiles(folder));
    const entries: WeightCacheEntry[] = [];
    const unusable: CacheFile[] = [];
    for (const file of files) {
      const entry = file.isUnfinished ? undefined : await openEntry(file.path);
      await entry?.close();
      if (entry === undefined) unusable.push(file);
      else {
        const { source, format } = entry.key;
        entries.push({ source, format, bytes: file.bytes, lastUsed: new Date(file.touched) });
      }
    }
    const bytes = sizeOf(files);
    return {
      folder,
      limit: chosenLimit ?? (await defaultLimit(folder, bytes)),
      bytes,
      entries: entries.sort((a, b) => b.lastUsed.getTime() - a.lastUsed.getTime()),
      unusable: { files: unusable.length, bytes: sizeOf(unusable) },
    };
  }

  async function clear(source?: string): Promise<ClearedWeights> {
    const { folder } = readSettings();
    const files = folder === undefined ? [] : await listCacheFiles(folder);
    const wanted = source === undefined ? undefined : await sourceNames(source);
    const removed: CacheFile[] = [];
    const left: CacheFile[] = [];
    for (const file of files) {
      if (wanted === undefined || wanted.has(file.source)) ((await remove(file)) ? removed : left).push(file);
    }
    if (left.length > 0)
      throw new SkeinError(
        "write_failed",
        `${folder}: ${left.length} of ${left.length + removed.length} files cannot be removed; check who may write there`,
      );
    return { files: removed.length, bytes: sizeOf(removed) };
  }

  return { open, create, list, clear };
}

/** A cache is a convenience: for who loads a model, one that may not be read holds nothing. */
async function listReadable(folder: string): Promise<CacheFile[]> {
  return await listCacheFiles(folder).catch(() => []);
}

interface RoomNeeded {
  readonly folder: string;
  readonly path: string;
  readonly files: readonly CacheFile[];
  readonly limit: number;
  readonly bytes: number;
}

/**
 * Removes the entry that is to be replaced, and the least recently used ones until the new one fits under the limit and on the disk.
 *
 * @returns false, and nothing is removed, when it would not fit all the same
 */
async function makeRoom({ folder, path, files, limit, bytes }: RoomNeeded): Promise<boolean> {
  const finished = files.filter(({ isUnfinished }) => !isUnfinished);
  const [replaced, others] = [finished.filter((file) => file.path === path), finished.filter((f) => f.path !== path)];
  const unfinishedBytes = sizeOf(files) - sizeOf(finished);
  const free = (await freeSpace(folder)) + sizeOf(replaced) - sparedBytes;
  const excess = Math.max(bytes + unfinishedBytes + sizeOf(others) - limit, bytes - free);
  if (excess > sizeOf(others)) return false;
  for (const file of replaced) await remove(file);
  await removeOldest(others, excess);
  return true;
}

/** @param bytes - how many to free; nothing happens from 0 down */
async function removeOldest(files: readonly CacheFile[], bytes: number): Promise<void> {
  let toFree = bytes;
  for (const file of files.filter(({ isUnfinished }) => !isUnfinished).sort((a, b) => a.touched - b.touched)) {
    if (toFree <= 0) return;
    if (await remove(file)) toFree -= file.bytes;
  }
}

/** How the files of a model begin: of the path as it was given, and of the folder that it leads to. */
async function sourceNames(source: string): Promise<ReadonlySet<string>> {
  const absolute = resolve(source);
  const real = await realpath(absolute).catch(() => absolute);
  return new Set([source, absolute, real].map(sourceName));
}
