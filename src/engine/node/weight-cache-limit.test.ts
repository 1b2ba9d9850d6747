import { mkdtemp, readdir, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test } from "vitest";
import { age, cacheIn, get, keyOf, kilobyte, put, sources } from "./test-weight-cache.ts";

let folder: string;
const made: string[] = [];
beforeEach(async () => {
  const root = await mkdtemp(join(tmpdir(), "skein-weights-"));
  made.push(root);
  folder = join(root, "skein", "weights");
});
afterAll(() => Promise.all(made.map((path) => rm(path, { recursive: true }))));

/** What an entry of 1000 bytes takes with its end. */
const entryBytes = 1300;

test("the least recently used make room; opening is using", async () => {
  const cache = cacheIn(folder, 3 * entryBytes);
  for (const name of ["/a", "/b", "/c"]) await put(cache, keyOf(name));
  await age(cache, folder, "/b", "/c", "/a");
  await get(cache, keyOf("/a"));
  expect(await sources(cache)).toEqual(["/a", "/b", "/c"]);
  await put(cache, keyOf("/d"));
  expect((await sources(cache)).sort()).toEqual(["/a", "/b", "/d"]); // /a and /d at the same time, to the file system's clock
  await age(cache, folder, "/d", "/b", "/a");
  await put(cache, keyOf("/e"), new Uint8Array(2000));
  expect(await sources(cache)).toEqual(["/e", "/d"]);
});

test("what would not fit is not begun, and nothing is removed for it", async () => {
  const cache = cacheIn(folder, 3 * entryBytes);
  await put(cache, keyOf("/a"));
  expect(await cache.create(keyOf("/b"), 3 * entryBytes + 1)).toBeUndefined();
  expect(await cache.create(keyOf("/a"), 3 * entryBytes + 1)).toBeUndefined();
  expect(await cacheIn(folder).create(keyOf("/a"), 2 ** 60)).toBeUndefined();
  expect(await cacheIn(folder, 2 ** 62).create(keyOf("/a"), 2 ** 60)).toBeUndefined(); // no disk has that
  expect(await sources(cache)).toEqual(["/a"]);
});

test("the entry that is replaced does not count", async () => {
  const cache = cacheIn(folder, 2 * entryBytes);
  await put(cache, keyOf("/a"));
  await put(cache, keyOf("/b"));
  await age(cache, folder, "/b", "/a");
  await put(cache, keyOf("/b"), kilobyte.subarray(1));
  expect(await sources(cache)).toEqual(["/b", "/a"]);
});

test("more than was announced: an entry past the limit is given up, others make room for one below", async () => {
  const cache = cacheIn(folder, 3 * entryBytes);
  const writer = await cache.create(keyOf("/large"), 10);
  await writer?.write(new Uint8Array(3 * entryBytes));
  await writer?.write(new Uint8Array(1));
  expect(await readdir(folder)).toEqual([]);
  await writer?.commit({});
  await put(cache, keyOf("/a"));
  await put(cache, keyOf("/b"));
  await age(cache, folder, "/b", "/a");
  const second = await cache.create(keyOf("/c"), 10);
  await second?.write(new Uint8Array(2000));
  await second?.commit({});
  expect(await sources(cache)).toEqual(["/c", "/b"]);
});

test("what others are writing counts, and is not removed", async () => {
  const cache = cacheIn(folder, 3 * entryBytes);
  await put(cache, keyOf("/a"));
  const writer = await cache.create(keyOf("/b"), 1000);
  await writer?.write(new Uint8Array(2 * entryBytes));
  const other = await cache.create(keyOf("/c"), 1000);
  expect(await sources(cache)).toEqual([]);
  expect(await cache.create(keyOf("/d"), 2 * entryBytes)).toBeUndefined();
  await Promise.all([writer?.discard(), other?.discard()]);
});

test("damaged entries go as others do", async () => {
  const cache = cacheIn(folder, 2 * entryBytes);
  await put(cache, keyOf("/a"));
  const [name = ""] = await readdir(folder);
  await truncate(join(folder, name), 1000);
  await put(cache, keyOf("/b"));
  await put(cache, keyOf("/c"));
  expect((await cache.list()).unusable.files).toBe(0);
});
