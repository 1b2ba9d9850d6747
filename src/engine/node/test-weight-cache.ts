import { readdir, readFile, utimes } from "node:fs/promises";
import { join } from "node:path";
import type { WeightCache, WeightCacheKey } from "../weight-cache.ts";
import { createWeightCache } from "./weight-cache.ts";

/** What entries of these tests hold. */
export const kilobyte: Uint8Array = Uint8Array.from({ length: 1000 }, (_, index) => index * 7);

export function keyOf(source = "/models/a", format = "q4"): WeightCacheKey {
  return { source, format, files: [{ name: "model.safetensors", size: 5, modified: 6, headerHash: "ab" }] };
}

export function cacheIn(folder: string, limit?: number): WeightCache {
  return createWeightCache(() => ({ folder, limit }));
}

/** Writes an entry, whose header names its source. */
export async function put(cache: WeightCache, key: WeightCacheKey, bytes: Uint8Array = kilobyte): Promise<void> {
  const writer = await cache.create(key, bytes.length);
  if (writer === undefined) throw new Error(`no entry can be written for ${key.source}`);
  await writer.write(bytes);
  await writer.commit({ of: key.source });
}

/** The bytes of an entry, or undefined when there is none. */
export async function get(cache: WeightCache, key: WeightCacheKey): Promise<Uint8Array | undefined> {
  const entry = await cache.open(key);
  if (entry === undefined) return undefined;
  const bytes = new Uint8Array(entry.byteLength);
  await entry.read(0, bytes);
  await entry.close();
  if (JSON.stringify(entry.header) !== JSON.stringify({ of: key.source })) throw new Error("it has another's header");
  return bytes;
}

/** Of all entries, the last used first. */
export async function sources(cache: WeightCache): Promise<string[]> {
  return (await cache.list()).entries.map(({ source }) => source);
}

/** Each entry was last used as many seconds ago as its place in the list says, from one. */
export async function age(cache: WeightCache, folder: string, ...oldestLast: readonly string[]): Promise<void> {
  for (const name of await readdir(folder)) {
    const text = (await readFile(join(folder, name))).toString("latin1");
    const seconds = 1 + oldestLast.findIndex((source) => text.includes(`"source":"${source}"`));
    await utimes(join(folder, name), Date.now() / 1000 - seconds, Date.now() / 1000 - seconds);
  }
  const listed = String(await sources(cache));
  if (listed !== String(oldestLast)) throw new Error(`the order is ${listed}`);
}
