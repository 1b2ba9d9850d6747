import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createWasmBackend } from "../src/backend/wasm/wasm.ts";
import { type CheckpointFiles, readJson } from "../src/checkpoint/files.ts";
import { openGguf } from "../src/checkpoint/gguf/open-gguf.ts";
import { openDirectory } from "../src/checkpoint/node/directory.ts";
import { createWeightKeeper } from "../src/engine/keep-weights.ts";
import type { LoadCall } from "../src/engine/methods.ts";
import { loadWeights, weightSpecs } from "../src/engine/runtime/load-weights.ts";
import type { WeightCache } from "../src/engine/weight-cache.ts";
import { parseModelConfig } from "../src/model/config.ts";
import { randomGguf } from "./random-gguf.ts";

test("super-blocks are kept on the disk as they are packed, and tie a session to the weights", async () => {
  const folder = await mkdtemp(join(tmpdir(), "skein-super-blocks-"));
  try {
    await writeFile(join(folder, "random.gguf"), await randomGguf("Q4_K", "Q6_K"));
    const entries = new Map<string, { readonly bytes: Uint8Array; readonly header: unknown }>();
    const first = await load(folder, cacheOf(entries));
    expect([...entries.keys()]).toEqual([expect.stringMatching(/^wasm \d+, q4_k\+q6_k, embeddings q6_k$/)]);
    const second = await load(folder, cacheOf(entries));
    expect(second.readBytes).toBe(0);
    expect(second.hash).toBe(first.hash);
    expect(second.keyScales).toEqual(first.keyScales);
    const [[format, { bytes, header }]] = [...entries] as [[string, { bytes: Uint8Array; header: unknown }]];
    entries.set(format, { bytes: bytes.with(bytes.length >> 1, bytes[bytes.length >> 1]! ^ 1), header });
    expect((await load(folder, cacheOf(entries))).hash).not.toBe(first.hash);
  } finally {
    await rm(folder, { recursive: true });
  }
});

/** A cache in memory. */
function cacheOf(entries: Map<string, { readonly bytes: Uint8Array; readonly header: unknown }>): WeightCache {
  return {
    open: async ({ format }) => {
      const entry = entries.get(format);
      if (!entry) return undefined;
      const { bytes, header } = entry;
      const read = async (offset: number, target: Uint8Array) =>
        target.set(bytes.subarray(offset, offset + target.length));
      return { header, byteLength: bytes.length, read, close: async () => {} };
    },
    create: async ({ format }) => {
      let bytes = new Uint8Array();
      return {
        write: async (written) => {
          bytes = written.slice();
        },
        commit: async (header) => void entries.set(format, { bytes, header: JSON.parse(JSON.stringify(header)) }),
        discard: async () => {},
      };
    },
    list: () => Promise.reject(new Error("not asked for")),
    clear: () => Promise.reject(new Error("not asked for")),
  };
}

/** @returns the loaded weights, and how many bytes of tensors were read from the file */
async function load(folder: string, weightCache: WeightCache) {
  const directory = await openDirectory(folder);
  let isReading = false;
  let readBytes = 0;
  const counted: CheckpointFiles = {
    ...directory,
    read: (name, start, end) => {
      if (isReading) readBytes += end - start;
      return directory.read(name, start, end);
    },
  };
  const files = await openGguf(counted, "random.gguf");
  try {
    const config = parseModelConfig(await readJson(files, "config.json"));
    const backend = await createWasmBackend({ threads: 1, variant: "plain" });
    const specs = weightSpecs(config, files.tensors, {} as LoadCall);
    const options = {
      signal: new AbortController().signal,
      onProgress: () => {},
      keepWeights: createWeightKeeper(weightCache, 0),
    };
    isReading = true;
    const loaded = await loadWeights(files, files.tensors, config, specs, backend, config.head_dim / 2, options);
    await loaded.kept;
    return { keyScales: loaded.keyScales, hash: await loaded.fingerprint(), readBytes };
  } finally {
    await files.close();
  }
}
