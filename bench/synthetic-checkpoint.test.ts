import { createHash } from "node:crypto";
import { mkdtemp, readdir, readFile, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDirectory } from "../src/checkpoint/node/directory.ts";
import { openTensors } from "../src/checkpoint/tensors.ts";
import { parseModelConfig } from "../src/model/config.ts";
import { configOf, measuredShapes, shapes } from "./shapes.ts";
import { type CheckpointOptions, synthesizeCheckpoint } from "./synthetic-checkpoint.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-bench-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

function synthesize(options: Partial<CheckpointOptions> = {}): Promise<string> {
  return synthesizeCheckpoint(shapes.tiny, { folder, ...options });
}

/** @returns the tensors' digests, by name */
async function digestTensors(checkpoint: string): Promise<Record<string, string>> {
  const digests = [...(await readTensors(checkpoint))].map(([name, values]) => [
    name,
    createHash("sha256").update(values).digest("hex"),
  ]);
  return Object.fromEntries(digests);
}

async function readTensors(checkpoint: string): Promise<Map<string, Float32Array>> {
  const files = await openDirectory(checkpoint);
  try {
    const index = await openTensors(files);
    const tensors = new Map<string, Float32Array>();
    for (const name of index.names) tensors.set(name, await index.readFloat32(name));
    return tensors;
  } finally {
    await files.close();
  }
}

test("every tensor has its own numbers, of the size that keeps activations near 1", async () => {
  const checkpoint = await synthesize();
  const tensors = await readTensors(checkpoint);
  expect(new Set(Object.values(await digestTensors(checkpoint))).size).toBe(tensors.size);
  const layer = tensors.get("model.layers.1.mlp.down_proj.weight")!;
  expect(deviation(layer)).toBeCloseTo(1 / Math.sqrt(384), 2);
  expect(deviation(tensors.get("model.layers.0.self_attn.k_proj.bias")!)).toBeGreaterThan(0.2);
  const norm = tensors.get("model.norm.weight")!;
  expect(norm.reduce((sum, value) => sum + value, 0) / norm.length).toBeCloseTo(1, 1);
  expect(new Set(tensors.get("model.embed_tokens.weight")!.slice(0, 1000)).size).toBeGreaterThan(500);
});

test("a seed gives the same numbers in one file and in shards, another seed others", async () => {
  const whole = await digestTensors(await synthesize({ seed: 2 }));
  const sharded = await synthesize({ folder: join(folder, "sharded"), seed: 2, shardBytes: 300_000 });
  expect((await readdir(sharded)).filter((name) => name.endsWith(".safetensors")).length).toBeGreaterThan(2);
  expect(await digestTensors(sharded)).toEqual(whole);
  expect(await digestTensors(await synthesize({ seed: 3 }))).not.toEqual(whole);
});

test("a checkpoint is reused while it is whole, and written again when a file was cut", async () => {
  let written = 0;
  const count = { seed: 4, onProgress: () => written++ };
  const checkpoint = await synthesize(count);
  const bytes = await readFile(join(checkpoint, "model.safetensors"));
  expect(written).toBeGreaterThan(0);
  written = 0;
  await synthesize(count);
  expect(written).toBe(0);
  await truncate(join(checkpoint, "model.safetensors"), bytes.length - 1);
  await synthesize(count);
  expect((await readFile(join(checkpoint, "model.safetensors"))).equals(bytes)).toBe(true);
});

test("an interrupted one leaves nothing behind", async () => {
  const interruption = new AbortController();
  const writing = synthesize({
    folder: join(folder, "interrupted"),
    signal: interruption.signal,
    onProgress: () => interruption.abort(new Error("stop")),
  });
  await expect(writing).rejects.toThrow("stop");
  expect(await readdir(join(folder, "interrupted"))).toEqual([]);
});

test("the measured shapes are configurations that Skein takes", () => {
  for (const name of measuredShapes) {
    const config = parseModelConfig(configOf(shapes[name]));
    expect(config).toMatchObject({ rope_theta: 1e6, rms_norm_eps: 1e-6, max_position_embeddings: 32768 });
    expect(config.head_dim).toBe(name === "0.5b" ? 64 : 128);
  }
});

function deviation(values: Float32Array): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value * value, 0) / values.length);
}
