import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { identifyCheckpoint } from "./identity.ts";
import { openDirectory } from "./node/directory.ts";
import { openTensors } from "./tensors.ts";
import { filesOf, float32File } from "./test-safetensors.ts";

const shards = {
  "a.safetensors": float32File({ first: [1, 2], second: [3] }),
  "b.safetensors": float32File({ third: [4] }),
};
const index = JSON.stringify({
  weight_map: { first: "a.safetensors", second: "a.safetensors", third: "b.safetensors" },
});

test("the configuration and each file with weights, once, and no other", async () => {
  const folder = await mkdtemp(join(tmpdir(), "skein-identity-"));
  try {
    for (const [name, bytes] of Object.entries(shards)) await writeFile(join(folder, name), bytes);
    await writeFile(join(folder, "model.safetensors.index.json"), index);
    await writeFile(join(folder, "config.json"), "{}");
    await writeFile(join(folder, "tokenizer.json"), "{}");
    const files = await openDirectory(folder);
    const identity = await identifyCheckpoint(files, await openTensors(files));
    await files.close();
    expect(identity?.source).toBe(await realpath(folder));
    expect(identity?.files.map(({ name, size }) => [name, size])).toEqual([
      ["a.safetensors", shards["a.safetensors"].length],
      ["b.safetensors", shards["b.safetensors"].length],
      ["config.json", 2],
    ]);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a source that is no folder has no identity", async () => {
  const files = filesOf({ ...shards, "model.safetensors.index.json": index, "config.json": {} });
  expect(await identifyCheckpoint(files, await openTensors(files))).toBeUndefined();
});
