import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { encodeNumbers } from "../../src/checkpoint/gguf/encode-numbers.ts";
import { openDirectory } from "../../src/checkpoint/node/directory.ts";
import { openTensors } from "../../src/checkpoint/tensors.ts";
import { shapes } from "../shapes.ts";
import { synthesizeCheckpoint } from "../synthetic-checkpoint.ts";
import { convertToGguf } from "./convert.ts";

test("a checkpoint's numbers stand in the file in its own order: norms and biases exact, projections Q4_0, embeddings Q8_0", async () => {
  const folder = await mkdtemp(join(tmpdir(), "skein-bench-test-"));
  try {
    const checkpoint = await synthesizeCheckpoint(shapes.tiny, { folder });
    const gguf = await readFile(await convertToGguf(checkpoint, join(folder, "gguf")));
    const files = await openDirectory(checkpoint);
    const index = await openTensors(files);
    let at = gguf.length;
    for (const name of index.names.toReversed()) {
      const values = await index.readFloat32(name);
      const isMatrix = index.entry(name)!.shape.length === 2;
      const bytes = encodeNumbers(values, !isMatrix ? "F32" : name.includes("embed") ? "Q8_0" : "Q4_0");
      at -= Math.ceil(bytes.length / 32) * 32;
      expect(gguf.subarray(at, at + bytes.length).equals(bytes), name).toBe(true);
    }
    await files.close();
    const header = gguf.subarray(0, at).toString("latin1");
    for (const text of [
      "qwen2.attention.head_count_kv",
      "token_embd.weight",
      "blk.1.attn_output.weight",
      "blk.0.attn_q.bias",
    ])
      expect(header).toContain(text);
  } finally {
    await rm(folder, { recursive: true });
  }
});
