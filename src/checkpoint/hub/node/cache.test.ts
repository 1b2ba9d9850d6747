import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { requireModelId } from "../model-id.ts";
import { findCached } from "./find-cached.ts";
import { listModels } from "./list-models.ts";
import { removeModel } from "./remove-model.ts";
import type { HubSettings } from "./settings.ts";

const commit = "a".repeat(40);
const next = "b".repeat(40);

let cache: string;
let settings: HubSettings;
beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), "skein-hub-"));
  settings = {
    cache,
    endpoint: "http://127.0.0.1:9",
    offline: "HF_HUB_OFFLINE",
    token: undefined,
    questionTimeout: 1,
    downloadTimeout: 1,
  };
});
afterEach(() => rm(cache, { recursive: true }));

/** Lays a repository as Python's huggingface_hub does. Name to the blob's name, which is its content too. */
async function lay(
  repository: string,
  revision: string,
  files: Record<string, string>,
  refs: readonly string[] = ["main"],
) {
  const folder = join(cache, `models--${repository.replace("/", "--")}`);
  for (const [name, blob] of Object.entries(files)) {
    const path = join(folder, "snapshots", revision, name);
    await mkdir(dirname(path), { recursive: true });
    await mkdir(join(folder, "blobs"), { recursive: true });
    await writeFile(join(folder, "blobs", blob), blob);
    await symlink(`${"../".repeat(name.split("/").length + 1)}blobs/${blob}`, path);
  }
  for (const ref of refs) {
    await mkdir(dirname(join(folder, "refs", ref)), { recursive: true });
    await writeFile(join(folder, "refs", ref), revision);
  }
  return folder;
}

const find = (id: string) => findCached(settings, requireModelId(id));
const whole = {
  "config.json": "c1",
  "generation_config.json": "g1",
  "model.safetensors": "w1",
  "tokenizer.json": "t1",
  "tokenizer_config.json": "u1",
};

test("what Python downloaded is found, by branch, by pull request, by commit and by its beginning", async () => {
  const folder = await lay("owner/name", commit, whole, ["main", "refs/pr/3"]);
  for (const id of ["owner/name", "owner/name@refs/pr/3", `owner/name@${commit}`, `owner/name@${commit.slice(0, 8)}`]) {
    const found = await find(id);
    expect(found, id).toMatchObject({ model: { id, commit, path: join(folder, "snapshots", commit), bytes: 10 } });
  }
  expect(await find("owner/name@v2")).toEqual({ missing: "nothing of it is there" });
  expect(await find(`owner/name@${next}`)).toEqual({ missing: "nothing of it is there" });
  expect(await find("owner/other")).toEqual({ missing: "nothing of it is there" });
});

test("a model is complete when nothing of it may be missing: also by what Python noted that there is none of", async () => {
  const folder = await lay("owner/name", commit, whole);
  expect(await find("owner/name")).toMatchObject({ isComplete: false });
  await mkdir(join(folder, ".no_exist", commit), { recursive: true });
  await writeFile(join(folder, ".no_exist", commit, "chat_template.jinja"), "");
  expect(await find("owner/name")).toMatchObject({ isComplete: true });
});

test("an adapter is complete when its window cannot be missing, also with its base's configuration beside it", async () => {
  const adapter = { "adapter_config.json": "c1", "adapter_model.safetensors": "w1" };
  for (const [id, files] of [
    ["owner/lora", adapter],
    ["owner/trained", { ...adapter, "config.json": "b1" }],
  ] as const) {
    const folder = await lay(id, commit, files);
    expect(await find(id), id).toMatchObject({ isComplete: false });
    await mkdir(join(folder, ".no_exist", commit), { recursive: true });
    await writeFile(join(folder, ".no_exist", commit, "skein.json"), "");
    expect(await find(id), id).toMatchObject({ isComplete: true });
  }
});

test("where a whole model lies beside an adapter, a name means the model", async () => {
  const adapter = { "adapter_config.json": "c1", "adapter_model.safetensors": "w2" };
  await lay("owner/both", commit, { ...whole, ...adapter });
  const found = await find("owner/both");
  const names = "model" in found ? found.model.files.map(({ name }) => name) : [];
  expect(names).toContain("model.safetensors");
  expect(names).not.toContain("adapter_model.safetensors");
  const folder = await lay("owner/g", commit, { ...adapter, "config.json": "b1", "m-Q8_0.gguf": "q8" });
  const path = join(folder, "snapshots", commit, "m-Q8_0.gguf");
  expect(await find("owner/g")).toMatchObject({ model: { path } });
});

test("a model without its weights, or with a shard missing, is none", async () => {
  await lay("owner/config", commit, { "config.json": "c1" });
  expect(await find("owner/config")).toEqual({
    missing: "owner/config in the cache has no weights in safetensors or GGUF files",
  });
  const shards = { a: "model-00001-of-00002.safetensors", b: "model-00002-of-00002.safetensors" };
  const folder = await lay("owner/shards", commit, {
    ...whole,
    "model.safetensors": "x",
    [shards.a]: "s1",
    "model.safetensors.index.json": "i1",
  });
  await rm(join(folder, "snapshots", commit, "model.safetensors"));
  await writeFile(join(folder, "blobs", "i1"), JSON.stringify({ weight_map: shards }));
  expect(await find("owner/shards")).toMatchObject({
    missing: expect.stringContaining("lacks model-00002-of-00002.safetensors"),
  });
  await symlink("../../blobs/s2", join(folder, "snapshots", commit, shards.b));
  expect(await find("owner/shards")).toMatchObject({ missing: expect.stringContaining("lacks model-00002") });
  await writeFile(join(folder, "blobs", "s2"), "s2");
  expect(await find("owner/shards")).toHaveProperty("model");
});

test("GGUF files in the cache: the only one, the one that is meant, or an error that lists them", async () => {
  const folder = await lay("owner/g", commit, { "m-Q8_0.gguf": "q8" });
  const path = (name: string) => join(folder, "snapshots", commit, name);
  expect(await find("owner/g")).toMatchObject({ model: { path: path("m-Q8_0.gguf") } });
  await lay("owner/g", commit, { "sub/m-Q4_0.gguf": "q4" });
  expect(await find("owner/g:q4_0")).toMatchObject({ model: { path: path("sub/m-Q4_0.gguf") } });
  expect(await find("owner/g/m-Q8_0.gguf")).toMatchObject({ model: { path: path("m-Q8_0.gguf") } });
  expect(await find("owner/g")).toEqual({
    missing: expect.stringContaining("choose one of: owner/g:Q8_0, owner/g:Q4_0"),
  });
  expect(await find("owner/g:Q2_K")).toEqual({ missing: expect.stringContaining("no GGUF model") });
});

test("a GGUF file that nobody chose is the model when the repository is known to have no safetensors files", async () => {
  const folder = await lay("owner/g", commit, { "m-Q8_0.gguf": "q8" });
  const mark = async (name: string) => {
    await mkdir(join(folder, ".no_exist", commit), { recursive: true });
    await writeFile(join(folder, ".no_exist", commit, name), "");
  };
  const doubtful = {
    isComplete: false,
    doubt: expect.stringMatching(/^m-Q8_0\.gguf is .*; owner\/g\/m-Q8_0\.gguf means/),
  };
  expect(await find("owner/g")).toMatchObject(doubtful);
  for (const id of ["owner/g:Q8_0", "owner/g/m-Q8_0.gguf"]) {
    const found = await find(id);
    expect(found, id).toMatchObject({ isComplete: true });
    expect(found, id).not.toHaveProperty("doubt");
  }
  await mark("model.safetensors");
  expect(await find("owner/g")).toMatchObject(doubtful);
  await mark("model.safetensors.index.json");
  expect(await find("owner/g")).toMatchObject({ isComplete: true });
  await rm(join(folder, ".no_exist"), { recursive: true });
  await mark("config.json");
  expect(await find("owner/g")).toMatchObject({ isComplete: true });
});

test("a list: sizes without counting twice what revisions share, names, what is not complete; other things are passed over", async () => {
  const folder = await lay("owner/name", commit, whole, ["v1"]);
  await lay("owner/name", next, { ...whole, "config.json": "c2", "sub/extra.json": "e" });
  await writeFile(join(folder, "blobs", "f00.skein.incomplete"), "half");
  await mkdir(join(cache, "datasets--owner--data", "snapshots"), { recursive: true });
  await mkdir(join(cache, ".locks", "models--owner--name"), { recursive: true });
  await mkdir(join(cache, "models--..--evil", "snapshots", commit), { recursive: true });
  await writeFile(join(cache, "version.txt"), "1");
  const { bytes, models, folder: place } = await listModels(settings);
  expect([place, models.length, bytes]).toEqual([cache, 1, 17]);
  expect(models[0]).toMatchObject({ repository: "owner/name", bytes: 17, unfinishedBytes: 4 });
  const revisions = new Map(models[0]!.revisions.map((revision) => [revision.commit, revision]));
  expect(revisions.get(commit)).toMatchObject({ names: ["v1"], bytes: 10 });
  expect(revisions.get(next)).toMatchObject({ names: ["main"], bytes: 11 });
  expect(revisions.get(next)!.files.map(({ name }) => name)).toContain("sub/extra.json");
  expect((await listModels({ ...settings, cache: join(cache, "none") })).models).toEqual([]);
});

test("one revision is removed, and what another needs stays", async () => {
  const folder = await lay("owner/name", commit, whole, ["v1", "old"]);
  await lay("owner/name", next, { ...whole, "config.json": "c2" });
  expect(await removeModel(settings, requireModelId("owner/name@v1"), false)).toEqual({ files: 1, bytes: 2 });
  expect((await readdir(join(folder, "blobs"))).sort()).toEqual(["c2", "g1", "t1", "u1", "w1"]);
  expect(await readdir(join(folder, "refs"))).toEqual(["main"]);
  expect(await find("owner/name")).toHaveProperty("model");
  await expect(removeModel(settings, requireModelId("owner/name@v1"), false)).rejects.toMatchObject({
    code: "not_cached",
  });
  expect(await removeModel(settings, requireModelId("owner/name@main"), false)).toEqual({ files: 5, bytes: 10 });
  expect(await readdir(cache)).toEqual([]);
});

test("all of a repository is removed, and no other", async () => {
  await lay("owner/name", commit, whole);
  await lay("owner/name-2", commit, whole);
  expect(await removeModel(settings, requireModelId("owner/name"), true)).toEqual({ files: 5, bytes: 10 });
  expect(await readdir(cache)).toEqual(["models--owner--name-2"]);
  await expect(removeModel(settings, requireModelId("owner/name"), true)).rejects.toMatchObject({ code: "not_cached" });
});

test("what the newest Python keeps where repositories share it is found and listed; removing takes its links and leaves it there", async () => {
  const folder = await lay("owner/name", commit, whole);
  const hash = "cd".repeat(32);
  await mkdir(join(cache, "blobs", "cd"), { recursive: true });
  await writeFile(join(cache, "blobs", "cd", hash), "shared");
  await rm(join(folder, "blobs", "w1"));
  await symlink(`../../blobs/cd/${hash}`, join(folder, "blobs", "w1"));
  expect(await find("owner/name")).toMatchObject({ model: { bytes: 14 } });
  expect((await listModels(settings)).models).toMatchObject([{ repository: "owner/name", bytes: 14 }]);
  for (const everything of [true, false]) {
    await lay("owner/only", commit, { "m-Q8_0.gguf": "q8" });
    const blob = join(cache, "models--owner--only", "blobs", "q8");
    await rm(blob);
    await symlink(`../../blobs/cd/${hash}`, blob);
    expect(await find("owner/only")).toHaveProperty("model");
    expect(await removeModel(settings, requireModelId("owner/only"), everything)).toEqual({ files: 1, bytes: 0 });
    expect((await readdir(cache)).sort()).toEqual(["blobs", "models--owner--name"]);
  }
  expect(await removeModel(settings, requireModelId("owner/name"), true)).toEqual({ files: 5, bytes: 8 });
  expect(await readdir(join(cache, "blobs", "cd"))).toEqual([hash]);
});

test("one GGUF model is removed, with all its parts", async () => {
  const parts = { "m-f16-00001-of-00002.gguf": "p1", "m-f16-00002-of-00002.gguf": "p2" };
  const folder = await lay("owner/g", commit, { ...parts, "m-Q8_0.gguf": "q8" });
  await writeFile(join(folder, "blobs", "f00.skein.incomplete"), "half");
  expect(await removeModel(settings, requireModelId("owner/g:F16"), false)).toEqual({ files: 2, bytes: 4 });
  expect((await readdir(join(folder, "blobs"))).sort()).toEqual(["f00.skein.incomplete", "q8"]);
  await expect(removeModel(settings, requireModelId("owner/g:F16"), false)).rejects.toThrow(
    /choose one of: owner\/g:Q8_0/,
  );
});

test("what is being downloaded is not removed; a lock that a process left when it was killed counts for nothing", async () => {
  await lay("owner/name", commit, whole);
  const lock = join(cache, ".locks", "models--owner--name", "f00.skein.lock");
  await mkdir(dirname(lock), { recursive: true });
  const { hostname } = await import("node:os");
  await writeFile(lock, `${process.pid} ${hostname()} x`);
  await expect(removeModel(settings, requireModelId("owner/name"), true)).rejects.toMatchObject({ code: "busy" });
  await writeFile(lock, `999999999 ${hostname()} x`);
  await removeModel(settings, requireModelId("owner/name"), true);
  await expect(readFile(join(cache, "models--owner--name", "refs", "main"))).rejects.toThrow(/ENOENT/);
});
