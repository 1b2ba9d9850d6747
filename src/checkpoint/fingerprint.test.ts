import { expect, test } from "vitest";
import { digestTensor, fingerprintModel } from "./fingerprint.ts";

const config = { model_type: "qwen2", hidden_size: 8, rope_scaling: null };
type Tensors = Readonly<Record<string, readonly number[]>>;

async function fingerprintOf(
  tensors: Tensors,
  configuration: unknown = config,
  shape?: readonly number[],
): Promise<string> {
  const entries = Object.entries(tensors);
  const digests = entries.map(([name, data]) =>
    digestTensor({ name, shape: shape ?? [data.length], type: "f32" }, new Uint8Array(Float32Array.from(data).buffer)),
  );
  return await fingerprintModel(configuration, await Promise.all(digests));
}

const large = Array.from({ length: 5000 }, (_, index) => index);

test("64 hexadecimal digits, the same each time, whatever the order of keys and tensors", async () => {
  const fingerprint = await fingerprintOf({ a: [1], large });
  expect(fingerprint).toMatch(/^[0-9a-f]{64}$/);
  expect(await fingerprintOf({ large, a: [1] })).toBe(fingerprint);
  const reversed = Object.fromEntries(Object.entries(config).reverse());
  expect(await fingerprintOf({ a: [1], large }, reversed)).toBe(fingerprint);
});

test("a change of the configuration, a name, a shape or any number shows", async () => {
  const models = [
    fingerprintOf({ a: [1], large }),
    fingerprintOf({ a: [1], large }, { ...config, hidden_size: 16 }),
    fingerprintOf({ a: [1], large }, { ...config, rope_scaling: { type: "yarn" } }),
    fingerprintOf({ b: [1], large }),
    fingerprintOf({ a: [2], large }),
    fingerprintOf({ a: [1], large: large.with(2500, 7) }),
    fingerprintOf({ a: [1], large: large.slice(0, 4999) }),
    fingerprintOf({ a: [1, 2] }),
    fingerprintOf({ a: [1, 2] }, config, [2, 1]),
  ];
  expect(new Set(await Promise.all(models)).size).toBe(models.length);
});

test("keys and values cannot be taken for one another", async () => {
  const configurations = [{ a: ["b"] }, [{ a: "b" }], { keys: [["a", ["b"]]] }, [["a", ["b"]]], { "1": 1, "0": 0 }, {}];
  const fingerprints = await Promise.all(configurations.map((value) => fingerprintOf({ a: [1] }, value)));
  expect(new Set(fingerprints).size).toBe(configurations.length);
});

test("a configuration that is nested without end is an error, not a crash", async () => {
  let nested: unknown = {};
  for (let depth = 0; depth < 100_000; depth += 1) nested = [nested];
  await expect(fingerprintOf({ a: [1] }, nested)).rejects.toMatchObject({ code: "invalid_checkpoint" });
});
