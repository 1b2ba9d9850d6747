import { mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, expect, test, vi } from "vitest";
import { InvalidOptionError } from "../../errors.ts";
import { cacheIn, get, keyOf, kilobyte, put, sources } from "./test-weight-cache.ts";
import { createWeightCache } from "./weight-cache.ts";

/** What the disk does not do, if anything. Permissions do not bind root, whom tests may run as. */
const disk: { failsToWrite?: string | undefined; isReadOnly?: boolean } = vi.hoisted(() => ({}));

vi.mock("node:fs/promises", async (importOriginal) => {
  const original = await importOriginal<typeof import("node:fs/promises")>();
  const failure = (code: string) => Object.assign(new Error(code), { code });
  const unlessReadOnly = async <T>(work: () => Promise<T>): Promise<T> => {
    if (disk.isReadOnly) throw failure("EROFS");
    return await work();
  };
  const open: typeof original.open = async (path, flags, mode) => {
    const opened = () => original.open(path, flags, mode);
    const file = flags === "wx" ? await unlessReadOnly(opened) : await opened();
    const { write } = file;
    file.write = ((...args: Parameters<typeof write>) =>
      disk.failsToWrite ? Promise.reject(failure(disk.failsToWrite)) : write.apply(file, args)) as typeof write;
    return file;
  };
  const unlink: typeof original.unlink = (path) => unlessReadOnly(() => original.unlink(path));
  const utimes: typeof original.utimes = (...args) => unlessReadOnly(() => original.utimes(...args));
  return { ...original, open, unlink, utimes };
});

let root: string;
let folder: string;
const made: string[] = [];
beforeEach(async () => {
  disk.failsToWrite = undefined;
  disk.isReadOnly = false;
  root = await mkdtemp(join(tmpdir(), "skein-weights-"));
  made.push(root);
  folder = join(root, "skein", "weights");
});
afterAll(() => Promise.all(made.map((path) => rm(path, { recursive: true }))));

test.each(["ENOSPC", "EDQUOT", "EIO"])(
  "%s while weights are written: nothing is left and nothing thrown",
  async (failure) => {
    const cache = cacheIn(folder);
    const writer = await cache.create(keyOf(), 2000);
    await writer?.write(kilobyte);
    disk.failsToWrite = failure;
    await writer?.write(kilobyte);
    expect(await readdir(folder)).toEqual([]);
    disk.failsToWrite = undefined;
    await writer?.write(kilobyte);
    await writer?.commit({});
    expect(await get(cache, keyOf())).toBeUndefined();
    expect(await readdir(folder)).toEqual([]);
  },
);

test("a disk that is full when the end is written", async () => {
  const cache = cacheIn(folder);
  const writer = await cache.create(keyOf(), 1000);
  await writer?.write(kilobyte);
  disk.failsToWrite = "ENOSPC";
  await writer?.commit({});
  expect(await readdir(folder)).toEqual([]);
});

test("a file in place of the folder, or of one above it", async () => {
  await writeFile(join(root, "file"), "");
  for (folder of [join(root, "file"), join(root, "file", "below")]) {
    const cache = cacheIn(folder);
    expect(await cache.create(keyOf(), 1000)).toBeUndefined();
    expect(await cache.open(keyOf())).toBeUndefined();
    expect(await cache.list()).toMatchObject({ folder, bytes: 0, entries: [] });
    expect(await cache.clear()).toEqual({ files: 0, bytes: 0 });
  }
});

test("a folder that may only be read still serves what it holds", async () => {
  const cache = cacheIn(folder);
  await put(cache, keyOf());
  disk.isReadOnly = true;
  expect(await get(cache, keyOf())).toEqual(kilobyte);
  expect(await cache.create(keyOf(), 1000)).toBeUndefined();
  expect(await cache.create(keyOf("/models/b"), 1000)).toBeUndefined();
  await expect(cache.clear()).rejects.toMatchObject({
    code: "write_failed",
    message: `${folder}: 1 of 1 files cannot be removed; check who may write there`,
  });
  expect(await get(cache, keyOf())).toEqual(kilobyte);
});

test.skipIf(process.platform === "win32")(
  "a folder that cannot be read is not called empty, and stops no model",
  async () => {
    await symlink("loop", join(root, "loop")); // the same to root, whom permissions do not bind
    const cache = cacheIn(join(root, "loop"));
    for (const call of [cache.list(), cache.clear()])
      await expect(call).rejects.toMatchObject({
        code: "read_failed",
        message: expect.stringContaining("loop: cannot be"),
      });
    expect(await cache.open(keyOf())).toBeUndefined();
    expect(await cache.create(keyOf(), 1000)).toBeUndefined();
  },
);

test("no folder at all, and a cache that is turned off", async () => {
  await put(cacheIn(folder), keyOf());
  for (const settings of [
    { folder: undefined, limit: undefined },
    { folder, limit: 0 },
  ]) {
    const cache = createWeightCache(() => settings);
    expect(await cache.open(keyOf())).toBeUndefined();
    expect(await cache.create(keyOf(), 0)).toBeUndefined();
    expect((await cache.list()).limit).toBe(0);
  }
  expect(await sources(cacheIn(folder, 0))).toEqual(["/models/a"]);
  expect(await createWeightCache(() => ({ folder: undefined, limit: 5 })).clear()).toEqual({ files: 0, bytes: 0 });
  expect(await cacheIn(folder, 0).clear()).toMatchObject({ files: 1 });
});

test("a setting that cannot be followed is said, not passed over", async () => {
  const cache = createWeightCache(() => {
    throw new InvalidOptionError("SKEIN_CACHE_LIMIT", "must be a size");
  });
  for (const call of [cache.open(keyOf()), cache.create(keyOf(), 1), cache.list(), cache.clear()]) {
    await expect(call).rejects.toThrow(InvalidOptionError);
  }
});
