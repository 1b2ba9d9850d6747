import { createHash } from "node:crypto";
import { lstat, readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { SkeinError } from "../../errors.ts";
import type { WeightCacheKey } from "../weight-cache.ts";

/** A file of the cache, as it lies there. */
export interface CacheFile {
  readonly path: string;
  /** Of its model: {@link sourceName}. */
  readonly source: string;
  readonly bytes: number;
  /** When it was last used, or written to; milliseconds since 1970. */
  readonly touched: number;
  /** Not at its place yet: being written, or left behind by a process that ended. */
  readonly isUnfinished: boolean;
}

/** A file that was not written to for this long is not going to be finished; milliseconds. Its writer, if it only slept, then gives up. */
const abandonedAfter = 10 * 60_000;

/** Entries, and what `createAtomicFile` names what becomes one. Files of other names in the folder are none of the cache's business. */
const names = /^(\.?)([0-9a-f]{32})-[0-9a-f]{32}\.weights(\.[0-9a-f]+\.tmp)?$/;

/** The name of a key's file: one for each source and format, so that a model that changed takes the place of what it was. */
export function entryName({ source, format }: WeightCacheKey): string {
  return `${sourceName(source)}-${hash(format)}.weights`;
}

/** How the names of a model's files begin. */
export function sourceName(source: string): string {
  return hash(source);
}

/**
 * All files of the cache; none when the folder is not there.
 *
 * @throws SkeinError (code `read_failed`) when it may not be read
 */
export async function listCacheFiles(folder: string): Promise<CacheFile[]> {
  const files: CacheFile[] = [];
  for (const name of (await unlessAbsent(folder, () => readdir(folder))) ?? []) {
    const [, dot, source = "", ending] = names.exec(name) ?? [];
    if (dot === undefined || (dot === "") !== (ending === undefined)) continue;
    const path = join(folder, name);
    const status = await unlessAbsent(path, () => lstat(path));
    if (!status?.isFile()) continue;
    files.push({ path, source, bytes: status.size, touched: status.mtimeMs, isUnfinished: ending !== undefined });
  }
  return files;
}

async function unlessAbsent<T>(path: string, work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR") return undefined;
    throw new SkeinError("read_failed", `${path}: cannot be read (${code ?? message})`, { cause: error });
  }
}

/** @returns the files that are left */
export async function removeAbandoned(files: readonly CacheFile[]): Promise<CacheFile[]> {
  const left: CacheFile[] = [];
  for (const file of files) {
    const isAbandoned = file.isUnfinished && Date.now() - file.touched > abandonedAfter;
    if (!isAbandoned || !(await remove(file))) left.push(file);
  }
  return left;
}

/** @returns whether it is gone */
export async function remove({ path }: { readonly path: string }): Promise<boolean> {
  try {
    await unlink(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}

export function sizeOf(files: readonly CacheFile[]): number {
  return files.reduce((sum, { bytes }) => sum + bytes, 0);
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}
