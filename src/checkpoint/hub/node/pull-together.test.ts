import { existsSync } from "node:fs";
import { lstat, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { requireModelId } from "../model-id.ts";
import { findCached } from "./find-cached.ts";
import { pull } from "./pull.ts";
import { readRepository } from "./read-repository.ts";
import { openRemoteFiles } from "./remote-files.ts";
import { removeModel } from "./remove-model.ts";
import type { HubSettings } from "./settings.ts";
import { fail, randomBytes, sendBytes, sha256, startTestHub, type TestHub } from "./test-hub.ts";

/** What the disk refuses. */
const disk = vi.hoisted(() => ({ hasLinks: true, freeBlocks: undefined as number | undefined }));

vi.mock("node:fs/promises", async (importOriginal) => {
  const original = await importOriginal<typeof import("node:fs/promises")>();
  const refusingSymlink: typeof original.symlink = async (...call) => {
    if (!disk.hasLinks) throw Object.assign(new Error("EPERM"), { code: "EPERM" });
    return original.symlink(...call);
  };
  const fullStatfs = async (path: string) => {
    const found = await original.statfs(path);
    return disk.freeBlocks === undefined ? found : { ...found, bavail: disk.freeBlocks, bsize: 4096 };
  };
  return { ...original, symlink: refusingSymlink, statfs: fullStatfs };
});

const commit = "0123456789abcdef0123456789abcdef01234567";
const weights = randomBytes(300_000);
const id = requireModelId("owner/model");

let hub: TestHub;
let cache: string;
let settings: HubSettings;
beforeAll(async () => {
  hub = await startTestHub();
});
afterAll(() => hub.close());
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "skein-hub-"));
  settings = hub.settings(cache);
  hub.repositories.clear();
  hub.repositories.set("owner/model", { commit, files: { "config.json": "{}", "model.safetensors": weights } });
});
afterEach(async () => {
  disk.hasLinks = true;
  disk.freeBlocks = undefined;
  hub.intercept = undefined;
  hub.requests.length = 0;
  await rm(cache, { recursive: true });
});

const folder = () => join(cache, "models--owner--model");
const path = (name: string) => join(folder(), "snapshots", commit, name);
const blob = () => join(folder(), "blobs", sha256(weights));

test("two at once download each file once, and both see how far it is", async () => {
  hub.intercept = ({ at }, request, response) => {
    if (at !== "storage") return false;
    setTimeout(() => sendBytes(request, response, weights), 300);
    return true;
  };
  const told: number[] = [];
  const [a, b] = await Promise.all([
    pull(settings, id, {}),
    pull(settings, id, { onProgress: (completed) => told.push(completed) }),
  ]);
  expect(a).toEqual(b);
  expect(told.at(-1)).toBe(a.bytes);
  expect(hub.downloads().length).toBe(1);
  expect(new Uint8Array(await readFile(path("model.safetensors")))).toEqual(weights);
  expect(await readdir(join(cache, ".locks", "models--owner--model"))).toEqual([]);
});

test("who waited goes on where the other one stopped", async () => {
  const stop = new AbortController();
  hub.intercept = ({ at }, request, response) => {
    if (at !== "storage" || request.headers.range !== undefined) return false;
    response.writeHead(200, { "content-length": weights.length }).write(weights.slice(0, 100_000));
    setTimeout(() => stop.abort(new Error("stopped")), 300);
    return true;
  };
  const first = pull(settings, id, { signal: stop.signal });
  const second = pull(settings, id, {});
  // Either may be the one that holds the lock: the other one then waits, or goes on.
  await expect(first).rejects.toThrow("stopped");
  await second;
  expect(new Uint8Array(await readFile(path("model.safetensors")))).toEqual(weights);
});

test("a download in Python's own way at the same time is not touched", async () => {
  await mkdir(join(folder(), "blobs"), { recursive: true });
  await writeFile(`${blob()}.incomplete`, "what Python has so far");
  await pull(settings, id, {});
  expect(await readFile(`${blob()}.incomplete`, "utf8")).toBe("what Python has so far");
});

test("without links the files themselves lie in the snapshot, and are found there", async () => {
  disk.hasLinks = false;
  const model = await pull(settings, id, {});
  expect((await lstat(path("model.safetensors"))).isFile()).toBe(true);
  expect(await readdir(join(folder(), "blobs"))).toEqual([]);
  expect(await findCached(settings, id)).toEqual({ model, isComplete: true });
  hub.requests.length = 0;
  await pull(settings, id, {});
  expect(hub.downloads()).toEqual([]);
  expect((await removeModel(settings, id, true)).bytes).toBe(model.bytes);
});

test("a disk that is too small is said before anything is downloaded", async () => {
  disk.freeBlocks = 1;
  await expect(pull(settings, id, {})).rejects.toMatchObject({
    code: "disk_full",
    message: expect.stringContaining(": 293 KiB are still to be downloaded and 4 KiB are free; make room"),
  });
  expect(hub.downloads()).toEqual([]);
});

test.runIf(existsSync("/dev/full"))("a disk that gets full in the middle has a clear error", async () => {
  await mkdir(join(folder(), "blobs"), { recursive: true });
  await symlink("/dev/full", `${blob()}.skein.incomplete`);
  await expect(pull(settings, id, {})).rejects.toMatchObject({
    code: "disk_full",
    message: expect.stringMatching(/no space left/),
  });
  expect(await readdir(join(cache, ".locks", "models--owner--model"))).toEqual([]);
});

test("a cache that is a file is said to be so", async () => {
  const file = join(cache, "file");
  await writeFile(file, "");
  await expect(pull({ ...settings, cache: join(file, "hub") }, id, {})).rejects.toMatchObject({ code: "write_failed" });
});

test("the first file that fails ends the others, and the revision stays what it was", async () => {
  hub.intercept = ({ path: asked, at }, _, response) => {
    if (at === "storage") return true; // stands still
    if (!asked.endsWith("/config.json")) return false;
    fail(response, 404, "EntryNotFound", "gone");
    return true;
  };
  const began = performance.now();
  await expect(pull(settings, id, {})).rejects.toMatchObject({
    code: "not_found",
    message: expect.stringContaining("config.json of owner/model"),
  });
  expect(performance.now() - began).toBeLessThan(4000);
  expect(existsSync(join(folder(), "refs", "main"))).toBe(false);
});

test("a server that breaks off each time and never goes on where it was is given up on", async () => {
  hub.intercept = ({ at }, _, response) => {
    if (at !== "storage") return false;
    response.writeHead(200, { "content-length": weights.length });
    response.write(weights.slice(0, 100_000), () => setTimeout(() => response.destroy(), 20));
    return true;
  };
  await expect(pull(settings, id, {})).rejects.toMatchObject({ name: "HubError" });
  expect(hub.downloads().length).toBeLessThan(10);
});

test("empty files, and files in folders, of a GGUF repository: the model that is meant and nothing else", async () => {
  const parts = { "F16/m-F16-00001-of-00002.gguf": randomBytes(3000, 1), "F16/m-F16-00002-of-00002.gguf": "" };
  hub.repositories.set("owner/g", {
    commit,
    files: { "README.md": "x", "config.json": "{}", ...parts, "m-Q8_0.gguf": randomBytes(3000, 2) },
  });
  await expect(pull(settings, requireModelId("owner/g"), {})).rejects.toThrow(
    "choose one of: owner/g:F16, owner/g:Q8_0",
  );
  const model = await pull(settings, requireModelId("owner/g:f16"), {});
  expect(model.files.map(({ name }) => name)).toEqual(Object.keys(parts));
  expect(model.path).toBe(join(cache, "models--owner--g", "snapshots", commit, "F16/m-F16-00001-of-00002.gguf"));
  expect((await lstat(model.path.replace("00001", "00002"))).isSymbolicLink()).toBe(true);
});

test("files are read where they lie, in ranges, with or without a server that follows them", async () => {
  const files = openRemoteFiles(settings, await readRepository(settings, id, undefined), undefined);
  expect(await files.size("model.safetensors")).toBe(weights.length);
  expect(await files.size("none")).toBeUndefined();
  expect(await files.read("model.safetensors", 1000, 1100)).toEqual(weights.slice(1000, 1100));
  expect(hub.downloads().at(-1)!.range).toBe("bytes=1000-1099");
  hub.intercept = ({ at }, request, response) => {
    if (at !== "storage") return false;
    delete request.headers.range;
    sendBytes(request, response, weights);
    return true;
  };
  expect(await files.read("model.safetensors", 1000, 1100)).toEqual(weights.slice(1000, 1100));
  for (const range of [`bytes 0-99/${weights.length}`, undefined]) {
    hub.intercept = ({ at }, _, response) => {
      if (at !== "storage") return false;
      response.writeHead(206, range === undefined ? {} : { "content-range": range }).end(weights.slice(0, 100));
      return true;
    };
    await expect(files.read("model.safetensors", 1000, 1100)).rejects.toMatchObject({
      name: "HubError",
      message: expect.stringMatching(/sent another part than was asked for/),
    });
  }
  await expect(files.read("model.safetensors", 0, weights.length + 1)).rejects.toMatchObject({
    code: "invalid_checkpoint",
  });
  await expect(files.read("none", 0, 1)).rejects.toMatchObject({ code: "not_found" });
  expect(await readdir(cache)).toEqual([]);
});
