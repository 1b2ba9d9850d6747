import { afterEach, expect, test, vi } from "vitest";
import type { CheckpointFiles } from "./files.ts";
import { fingerprintCheckpoint } from "./fingerprint.ts";
import { openTensors } from "./tensors.ts";
import { filesOf, float32File, safetensorsBytes } from "./test-safetensors.ts";

const config = { model_type: "qwen2", hidden_size: 8, rope_scaling: null };

async function fingerprintOf(files: CheckpointFiles, configuration: unknown = config): Promise<string> {
  return await fingerprintCheckpoint(files, await openTensors(files), configuration);
}

function modelOf(tensors: Readonly<Record<string, readonly number[]>>): CheckpointFiles {
  return filesOf({ "model.safetensors": float32File(tensors) });
}

const large = Array.from({ length: 5000 }, (_, index) => index); // 20,000 bytes: more than its two ends

afterEach(() => {
  vi.unstubAllGlobals();
});

test("64 hexadecimal digits, the same each time", async () => {
  const fingerprint = await fingerprintOf(modelOf({ a: [1], large }));
  expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
  expect(await fingerprintOf(modelOf({ a: [1], large }))).toBe(fingerprint);
});

test("neither the order of keys and tensors nor the spread over files matters", async () => {
  const fingerprint = await fingerprintOf(modelOf({ a: [1], large }));
  expect(await fingerprintOf(modelOf({ large, a: [1] }))).toBe(fingerprint);
  expect(await fingerprintOf(modelOf({ a: [1], large }), Object.fromEntries(Object.entries(config).reverse()))).toBe(
    fingerprint,
  );
  const shards = filesOf({
    "model.safetensors.index.json": { weight_map: { a: "1.safetensors", large: "2.safetensors" } },
    "1.safetensors": float32File({ a: [1] }),
    "2.safetensors": float32File({ large }),
  });
  expect(await fingerprintOf(shards)).toBe(fingerprint);
});

test("a change of the configuration, a name, a shape, a type or a number at either end shows", async () => {
  const header = (dtype: string, shape: readonly number[]) => ({ a: { dtype, shape, data_offsets: [0, 8] } });
  const models = [
    fingerprintOf(modelOf({ a: [1], large })),
    fingerprintOf(modelOf({ a: [1], large }), { ...config, hidden_size: 16 }),
    fingerprintOf(modelOf({ a: [1], large }), { ...config, rope_scaling: { type: "yarn" } }),
    fingerprintOf(modelOf({ b: [1], large })),
    fingerprintOf(modelOf({ a: [2], large })),
    fingerprintOf(modelOf({ a: [1], large: large.with(0, 7) })),
    fingerprintOf(modelOf({ a: [1], large: large.with(4999, 7) })),
    fingerprintOf(modelOf({ a: [1], large: large.slice(0, 4999) })),
    fingerprintOf(filesOf({ "model.safetensors": safetensorsBytes(header("F32", [2]), 8) })),
    fingerprintOf(filesOf({ "model.safetensors": safetensorsBytes(header("F32", [2, 1]), 8) })),
    fingerprintOf(filesOf({ "model.safetensors": safetensorsBytes(header("BF16", [4]), 8) })),
  ];
  expect(new Set(await Promise.all(models)).size).toBe(models.length);
});

test("keys and values cannot be taken for one another", async () => {
  const files = modelOf({ a: [1] });
  const configurations = [{ a: ["b"] }, [{ a: "b" }], { keys: [["a", ["b"]]] }, [["a", ["b"]]], { "1": 1, "0": 0 }, {}];
  const fingerprints = await Promise.all(configurations.map((value) => fingerprintOf(files, value)));
  expect(new Set(fingerprints).size).toBe(configurations.length);
});

test("no more than 8 KiB of each tensor is read", async () => {
  const files = modelOf({ large, a: [1] });
  const index = await openTensors(files);
  let total = 0;
  const counting: CheckpointFiles = {
    ...files,
    read: (name, start, end) => {
      total += end - start;
      return files.read(name, start, end);
    },
  };
  await fingerprintCheckpoint(counting, index, config);
  expect(total).toBe(8192 + 4);
});

test("a configuration that is nested without end is an error, not a crash", async () => {
  let nested: unknown = {};
  for (let depth = 0; depth < 100_000; depth += 1) nested = [nested];
  await expect(fingerprintOf(modelOf({ a: [1] }), nested)).rejects.toMatchObject({ code: "invalid_checkpoint" });
});

test("a page without crypto.subtle is told why", async () => {
  vi.stubGlobal("crypto", {});
  await expect(fingerprintOf(modelOf({ a: [1] }))).rejects.toMatchObject({
    code: "unsupported",
    message: expect.stringMatching(/https/),
  });
});
