import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createWasmBackend } from "../../backend/wasm/wasm.ts";
import type { CheckpointFiles } from "../../checkpoint/files.ts";
import { readJson } from "../../checkpoint/files.ts";
import { openDirectory } from "../../checkpoint/node/directory.ts";
import { openTensors } from "../../checkpoint/tensors.ts";
import { parseModelConfig } from "../../model/config.ts";
import { createWeightKeeper } from "../keep-weights.ts";
import type { LoadCall } from "../methods.ts";
import type { CachedWeights, WeightCache, WeightCacheKey, WeightCacheWriter } from "../weight-cache.ts";
import { loadWeights, weightSpecs } from "./load-weights.ts";

const tiny = fileURLToPath(new URL("../../../models/tiny-qwen2", import.meta.url));

interface Entry {
  bytes: Uint8Array;
  header: Record<string, unknown>;
}

/** A cache in memory, with what may go wrong in one. */
class FakeCache implements WeightCache {
  readonly entries = new Map<string, Entry>();
  opened = 0;
  closed = 0;
  /** Called before each read. */
  onRead = (): void => {};
  canCreate = true;
  failsWriting = false;

  async open({ format }: WeightCacheKey): Promise<CachedWeights | undefined> {
    const entry = this.entries.get(format);
    if (!entry) return undefined;
    this.opened++;
    return {
      header: entry.header,
      byteLength: entry.bytes.length,
      read: async (offset, target) => {
        target.set(entry.bytes.subarray(offset, offset + target.length));
        this.onRead();
      },
      close: async () => void this.closed++,
    };
  }

  async create({ format }: WeightCacheKey): Promise<WeightCacheWriter | undefined> {
    if (!this.canCreate) return undefined;
    let bytes: Uint8Array | undefined;
    return {
      write: async (written) => {
        if (this.failsWriting) throw new Error("no disk");
        bytes = written.slice();
      },
      commit: async (header) => {
        this.entries.set(format, { bytes: bytes!, header: JSON.parse(JSON.stringify(header)) });
      },
      discard: async () => {},
    };
  }

  list(): never {
    throw new Error("not asked for");
  }

  clear(): never {
    throw new Error("not asked for");
  }
}

/** Loads the embedded model's weights. @returns them, and how many bytes of tensors were read from the source */
async function load(
  cache: FakeCache,
  call: Partial<LoadCall> = { weights: "q4" },
  signal = new AbortController().signal,
) {
  const directory = await openDirectory(tiny);
  let sourceReads = 0;
  const files: CheckpointFiles = {
    label: directory.label,
    ...(directory.realPath !== undefined && { realPath: directory.realPath }),
    size: (name) => directory.size(name),
    list: () => directory.list!(),
    identify: (name) => directory.identify!(name),
    close: () => directory.close(),
    read: (name, start, end) => {
      if (end - start > 10_000 && name.endsWith(".safetensors")) sourceReads++;
      return directory.read(name, start, end);
    },
  };
  await using _ = { [Symbol.asyncDispose]: () => directory.close() };
  const config = parseModelConfig(await readJson(directory, "config.json"));
  const index = await openTensors(files);
  const backend = await createWasmBackend({ threads: 1, variant: "relaxed" });
  const specs = weightSpecs(config, index, call as LoadCall);
  const options = { signal, onProgress: () => {}, keepWeights: createWeightKeeper(cache, 0) };
  const loaded = await loadWeights(files, index, config, specs, backend, config.head_dim / 2, options);
  await loaded.kept;
  return { ...loaded, hash: await loaded.fingerprint(), sourceReads };
}

test("a second start takes weights and key scales from the cache, and reads nothing else", async () => {
  const cache = new FakeCache();
  const first = await load(cache);
  expect(first.sourceReads).toBeGreaterThan(0);
  expect([...cache.entries.keys()]).toEqual([expect.stringMatching(/^wasm \d+, q4\+q8, embeddings q8$/)]);
  const second = await load(cache);
  expect(second.sourceReads).toBe(0);
  expect(second.hash).toBe(first.hash);
  expect(second.keyScales).toEqual(first.keyScales);
  expect([cache.opened, cache.closed]).toEqual([1, 1]);
});

test("what is kept of other types is not taken, though it has as many bytes", async () => {
  const cache = new FakeCache();
  const first = await load(cache, { weights: "f16", embeddings: "bf16" });
  const [entry] = cache.entries.values();
  const { types } = entry!.header as { types: string[] };
  entry!.header.types = types.map((type, i) => (i === 5 ? "bf16" : type));
  const second = await load(cache, { weights: "f16", embeddings: "bf16" });
  expect(second.sourceReads).toBeGreaterThan(0);
  expect(second.hash).toBe(first.hash);
});

test("an entry that is damaged is passed over, and made anew", async () => {
  const cache = new FakeCache();
  const { hash } = await load(cache);
  const [format, entry] = [...cache.entries][0]!;
  const damaged: Record<string, Entry> = {
    "too short": { ...entry, bytes: entry.bytes.slice(1) },
    "no exponents": { ...entry, header: { types: entry.header.types } },
    "wrong exponents": { ...entry, header: { ...entry.header, keyExponents: [1e9] } },
    "no object": { ...entry, header: null as unknown as Record<string, unknown> },
  };
  for (const [what, wrong] of Object.entries(damaged)) {
    cache.entries.set(format, wrong);
    const { hash: got, sourceReads } = await load(cache);
    expect(sourceReads, what).toBeGreaterThan(0);
    expect(got, what).toBe(hash);
    expect(cache.entries.get(format), what).toEqual(entry);
  }
  expect(cache.closed).toBe(cache.opened);
});

test("a disk that fails in the middle of reading leads to the source, and to the same weights", async () => {
  const cache = new FakeCache();
  const { hash } = await load(cache);
  cache.onRead = () => {
    throw new Error("bad sector");
  };
  const { hash: got, sourceReads } = await load(cache);
  expect(sourceReads).toBeGreaterThan(0);
  expect(got).toBe(hash);
  expect(cache.closed).toBe(cache.opened);
});

test("an abort while the cache is read ends the load, and closes the entry", async () => {
  const cache = new FakeCache();
  await load(cache);
  const controller = new AbortController();
  cache.onRead = () => {
    controller.abort(new Error("enough"));
    throw new Error("bad sector");
  };
  await expect(load(cache, { weights: "q4" }, controller.signal)).rejects.toThrow("bad sector");
  expect(cache.closed).toBe(cache.opened);
});

test("a cache that cannot be written fails no load", async () => {
  const cache = new FakeCache();
  cache.canCreate = false;
  const { hash } = await load(cache);
  cache.canCreate = true;
  cache.failsWriting = true;
  expect((await load(cache)).hash).toBe(hash);
  expect(cache.entries.size).toBe(0);
});
