import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeEach, describe, expect, test } from "vitest";
import type { WeightCacheKey } from "../weight-cache.ts";
import { age, cacheIn, get, keyOf, kilobyte, put, sources } from "./test-weight-cache.ts";

let root: string;
let folder: string;
const made: string[] = [];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "skein-weights-"));
  made.push(root);
  folder = join(root, "skein", "weights");
});
afterAll(() => Promise.all(made.map((path) => rm(path, { recursive: true }))));

describe("an entry", () => {
  test("is found once it is committed, by the same key only", async () => {
    const cache = cacheIn(folder);
    const key = keyOf();
    expect(await get(cache, key)).toBeUndefined();
    const writer = await cache.create(key, 1000);
    // Not awaited one by one, and from shared memory.
    const shared = new Uint8Array(new SharedArrayBuffer(1000));
    shared.set(kilobyte);
    const writes = [writer?.write(shared.subarray(0, 10)), writer?.write(shared.subarray(10))];
    expect(await get(cache, key)).toBeUndefined();
    await Promise.all(writes);
    expect(await get(cache, key)).toBeUndefined();
    await writer?.commit({ of: key.source });
    expect(await get(cache, key)).toEqual(kilobyte);

    const [file] = key.files as [WeightCacheKey["files"][number]];
    for (const stale of [
      { ...key, format: "q8" },
      { ...key, source: "/models/b" },
      { ...key, files: [{ ...file, size: 4 }] },
      { ...key, files: [{ ...file, modified: 7 }] },
      { ...key, files: [{ ...file, headerHash: "ac" }] },
      { ...key, files: [...key.files, { ...file, name: "config.json" }] },
    ]) {
      expect(await get(cache, stale), JSON.stringify(stale)).toBeUndefined();
    }
    expect(await get(cache, key)).toEqual(kilobyte);
  });

  test("belongs to its owner alone", async () => {
    await put(cacheIn(folder), keyOf());
    const [name = ""] = await readdir(folder);
    expect((await stat(join(folder, name))).mode & 0o777).toBe(0o600);
    expect((await stat(folder)).mode & 0o777).toBe(0o700);
  });

  test("takes the place of what the model was before; formats stand side by side", async () => {
    const cache = cacheIn(folder);
    await put(cache, keyOf("/models/a", "q4"));
    await put(cache, keyOf("/models/a", "q8"));
    const changed = { ...keyOf("/models/a", "q4"), files: [] };
    await put(cache, changed, kilobyte.subarray(1));
    expect(await get(cache, keyOf("/models/a", "q4"))).toBeUndefined();
    expect(await get(cache, changed)).toEqual(kilobyte.slice(1));
    expect(await get(cache, keyOf("/models/a", "q8"))).toEqual(kilobyte);
    expect(await readdir(folder)).toHaveLength(2);
  });

  test("is not there when it was damaged, and can be written anew", async () => {
    const cache = cacheIn(folder);
    await put(cache, keyOf());
    const [name = ""] = await readdir(folder);
    await truncate(join(folder, name), 500);
    expect(await get(cache, keyOf())).toBeUndefined();
    expect(await cache.list()).toMatchObject({ bytes: 500, entries: [], unusable: { files: 1, bytes: 500 } });
    await put(cache, keyOf());
    expect(await get(cache, keyOf())).toEqual(kilobyte);
  });

  test("of another model in its place is not opened", async () => {
    const cache = cacheIn(folder);
    await put(cache, keyOf("/models/a"));
    const [first = ""] = await readdir(folder);
    const other = await readFile(join(folder, first));
    await cache.clear();
    await put(cache, keyOf("/models/b"));
    const [second = ""] = await readdir(folder);
    await writeFile(join(folder, second), other);
    expect(await get(cache, keyOf("/models/b"))).toBeUndefined();
  });

  test("stays readable while it is open, whatever happens to the cache", async () => {
    const cache = cacheIn(folder);
    await put(cache, keyOf());
    const entry = await cache.open(keyOf());
    await cache.clear();
    await put(cache, keyOf(), new Uint8Array(1000));
    const bytes = new Uint8Array(1000);
    await entry?.read(0, bytes);
    await entry?.close();
    expect(bytes).toEqual(kilobyte);
  });

  test("that is discarded leaves nothing, before and after other calls", async () => {
    const cache = cacheIn(folder);
    const writer = await cache.create(keyOf(), 1000);
    await writer?.write(kilobyte);
    expect(await readdir(folder)).toHaveLength(1);
    await writer?.discard();
    await writer?.discard();
    await writer?.write(kilobyte);
    await writer?.commit({});
    expect(await readdir(folder)).toEqual([]);
  });

  test("that is committed is not taken back by what comes after", async () => {
    const cache = cacheIn(folder);
    const writer = await cache.create(keyOf(), 1000);
    await writer?.write(kilobyte);
    await writer?.commit({ of: keyOf().source });
    await writer?.discard();
    await writer?.write(kilobyte);
    await writer?.commit({});
    expect(await get(cache, keyOf())).toEqual(kilobyte);
  });

  test("whose header cannot be JSON is an error of the caller's, and leaves nothing", async () => {
    const cache = cacheIn(folder);
    const writer = await cache.create(keyOf(), 1000);
    await writer?.write(kilobyte);
    await expect(writer?.commit({ bytes: 1n })).rejects.toThrow(TypeError);
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("several at once", () => {
  test("writers of one entry: each writes its own, and the last one counts", async () => {
    const cache = cacheIn(folder);
    const writers = await Promise.all([cacheIn(folder), cache, cache].map((each) => each.create(keyOf(), 1000)));
    const contents = writers.map((_, index) => kilobyte.map((byte) => byte + index));
    await Promise.all(writers.map((writer, index) => writer?.write(contents[index] ?? kilobyte)));
    expect(await readdir(folder)).toHaveLength(3);
    await writers[1]?.discard();
    for (const index of [0, 2]) {
      await writers[index]?.commit({ of: keyOf().source });
      expect(await get(cache, keyOf())).toEqual(contents[index]);
    }
    expect(await readdir(folder)).toHaveLength(1);
  });

  test("processes", async () => {
    const script = `
      import { createWeightCache } from ${JSON.stringify(new URL("weight-cache.ts", import.meta.url).href)};
      const cache = createWeightCache();
      const key = ${JSON.stringify(keyOf())};
      for (let round = 0; round < 20; round++) {
        const bytes = new Uint8Array(300_000).fill(1 + Math.random() * 255);
        const writer = await cache.create(key, bytes.length);
        for (let at = 0; at < bytes.length; at += 50_000) await writer.write(bytes.subarray(at, at + 50_000));
        await writer.commit({});
        const entry = await cache.open(key);
        if (entry === undefined) continue; // the other one is about to replace it
        const read = new Uint8Array(entry.byteLength);
        await entry.read(0, read);
        await entry.close();
        if (read.length !== bytes.length || !read.every((byte) => byte === read[0])) throw new Error("mixed");
      }`;
    const run = () =>
      promisify(execFile)(process.execPath, ["--input-type=module-typescript", "-e", script], {
        env: { ...process.env, SKEIN_CACHE: folder, SKEIN_CACHE_LIMIT: "1GB" },
      });
    await Promise.all([run(), run()]);
    const listing = await cacheIn(folder).list();
    expect(listing.entries).toHaveLength(1);
    expect(listing.unusable.files).toBe(0);
  });

  test("a writer whose file is removed meanwhile gives up", async () => {
    const cache = cacheIn(folder);
    const writer = await cache.create(keyOf(), 1000);
    await writer?.write(kilobyte);
    expect(await cache.clear()).toEqual({ files: 1, bytes: 1000 });
    await writer?.commit({});
    expect(await readdir(folder)).toEqual([]);
  });

  test("what a process left behind is removed once it is old, and not before", async () => {
    const cache = cacheIn(folder);
    const writer = await cache.create(keyOf(), 1000);
    const [name = ""] = await readdir(folder);
    expect(name).toMatch(/\.tmp$/);
    await writer?.discard();
    const elevenMinutesAgo = Date.now() / 1000 - 660;
    const begin = async () => (await cache.create(keyOf("/models/b"), 10))?.discard();
    for (const look of [() => cache.open(keyOf()), () => cache.list(), begin]) {
      await writeFile(join(folder, name), kilobyte);
      await look();
      expect(await readdir(folder)).toContain(name);
      await utimes(join(folder, name), elevenMinutesAgo, elevenMinutesAgo);
      await look();
      expect(await readdir(folder)).not.toContain(name);
    }
  });
});

describe("list and clear", () => {
  test("what is there, the last used first, and what it takes", async () => {
    const cache = cacheIn(folder, 1e6);
    expect(await cache.list()).toEqual({
      folder,
      limit: 1e6,
      bytes: 0,
      entries: [],
      unusable: { files: 0, bytes: 0 },
    });
    await put(cache, keyOf("/a", "q4"));
    await put(cache, keyOf("/b", "q8"));
    await age(cache, folder, "/b", "/a");
    const { bytes, entries } = await cache.list();
    expect(entries.map(({ source, format }) => [source, format])).toEqual([
      ["/b", "q8"],
      ["/a", "q4"],
    ]);
    expect(bytes).toBe(entries.reduce((sum, entry) => sum + entry.bytes, 0));
    expect(Date.now() - (entries[0]?.lastUsed.getTime() ?? 0)).toBeLessThan(30_000);
    expect(await cache.clear()).toEqual({ files: 2, bytes });
    expect(await readdir(folder)).toEqual([]);
  });

  test("one model's entries, by its path as it is listed, as it is linked, and when it is gone", async () => {
    const cache = cacheIn(folder);
    const model = join(root, "model");
    await mkdir(model);
    await symlink(model, join(root, "alias"));
    for (const path of [model, join(root, "alias"), `${model}/`, join(root, "alias", "..", "model")]) {
      await put(cache, keyOf(model, "q4"));
      await put(cache, keyOf(model, "q8"));
      await put(cache, keyOf("/other"));
      expect(await cache.clear(path), path).toMatchObject({ files: 2 });
      expect(await sources(cache)).toEqual(["/other"]);
    }
    await put(cache, keyOf(model));
    await rm(model, { recursive: true });
    expect(await cache.clear(model)).toMatchObject({ files: 1 });
    expect(await cache.clear(model)).toEqual({ files: 0, bytes: 0 });
  });

  test("files of other names are left alone", async () => {
    const cache = cacheIn(folder, 10_000);
    await put(cache, keyOf());
    const [name = ""] = await readdir(folder);
    const others = [
      "notes.txt",
      "model.safetensors",
      `${name}.bak`,
      `.${name}`,
      `${name}.0123456789ab.tmp`,
      "a.weights",
    ];
    for (const other of others) await writeFile(join(folder, other), kilobyte);
    await mkdir(join(folder, name.replace(/^.{4}/, "0000")));
    expect((await cache.list()).unusable.files).toBe(0);
    await cache.create(keyOf("/b"), 9_900).then((writer) => writer?.discard());
    await cache.clear();
    expect((await readdir(folder)).sort()).toEqual([...others, name.replace(/^.{4}/, "0000")].sort());
  });
});
