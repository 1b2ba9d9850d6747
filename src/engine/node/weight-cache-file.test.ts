import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdir, mkdtemp, open, rm, symlink, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { WeightCacheKey } from "../weight-cache.ts";
import { encodeEnd, isSameKey, openEntry } from "./weight-cache-file.ts";

const key: WeightCacheKey = {
  source: "/models/a",
  format: "wasm 1, q4",
  files: [
    { name: "model.safetensors", size: 100, modified: 1700000000000.125, headerHash: "ab" },
    { name: "config.json", size: 10, modified: 1, headerHash: "cd" },
  ],
};
const header = { tensors: { "model.embed_tokens.weight": [0, 64] } };
const weights: Uint8Array = Uint8Array.from({ length: 1000 }, (_, index) => index * 7);

let folder: string;
let whole: Buffer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-weights-file-"));
  whole = Buffer.concat([weights, encodeEnd(key, header, weights.length)]);
});
afterAll(() => rm(folder, { recursive: true }));

let count = 0;
async function openBytes(bytes: Uint8Array) {
  const path = join(folder, `file${count++}`);
  await writeFile(path, bytes);
  return openEntry(path);
}

/** A file that says these things about itself, with the SHA-256 that belongs to them. */
function claiming(description: string, claims: { readonly weights?: bigint; readonly description?: bigint } = {}) {
  const text = Buffer.from(description);
  const trailer = Buffer.from(whole.subarray(whole.length - 64));
  trailer.writeBigUInt64LE(claims.weights ?? BigInt(weights.length), 0);
  trailer.writeBigUInt64LE(claims.description ?? BigInt(text.length), 8);
  createHash("sha256").update(trailer.subarray(0, 24)).update(text).digest().copy(trailer, 24);
  return Buffer.concat([weights, text, trailer]);
}

describe("what was written is read", () => {
  test("key, header, length and any range", async () => {
    const entry = await openBytes(whole);
    expect(entry).toMatchObject({ header, byteLength: 1000 });
    expect(isSameKey(entry!.key, key)).toBe(true);
    for (const [offset, length] of [
      [0, 1000],
      [1, 998],
      [999, 1],
      [1000, 0],
    ] as const) {
      const target = new Uint8Array(length);
      await entry!.read(offset, target);
      expect(target).toEqual(weights.slice(offset, offset + length));
    }
    await entry!.close();
    await entry!.close();
  });

  test("into shared WebAssembly memory, near the end of 4 GiB, and nothing beside the target", async () => {
    const memory = new WebAssembly.Memory({ initial: 65536, maximum: 65536, shared: true });
    const start = 2 ** 32 - 12345;
    const entry = await openBytes(whole);
    await entry!.read(10, new Uint8Array(memory.buffer, start, 500));
    await entry!.close();
    expect(new Uint8Array(memory.buffer, start - 1, 502)).toEqual(Uint8Array.from([0, ...weights.slice(10, 510), 0]));
  });

  test("pieces come to their places, larger than one piece each", async () => {
    const many = new Uint32Array(7 * 2 ** 20).map((_, index) => index * 2654435761); // 28 MiB
    const bytes = new Uint8Array(many.buffer);
    const entry = await openBytes(Buffer.concat([bytes, encodeEnd(key, header, bytes.length)]));
    const target = new Uint8Array(new SharedArrayBuffer(bytes.length - 5));
    await entry!.read(3, target);
    await entry!.close();
    expect(Buffer.compare(target, bytes.subarray(3, bytes.length - 2))).toBe(0);
  });

  test("an entry without weights", async () => {
    const entry = await openBytes(encodeEnd(key, {}, 0));
    expect(entry).toMatchObject({ header: {}, byteLength: 0 });
    await entry!.close();
  });
});

describe("damage is as if nothing were there", () => {
  test("cut off at every region's edges, and in them", async () => {
    const description = whole.length - 64 - weights.length;
    const edges = [0, 1, 63, 64, 500, 999, 1000, 1001, 1000 + description - 1, 1000 + description];
    for (const length of [...edges, ...Array.from({ length: 64 }, (_, i) => whole.length - 64 + i)]) {
      expect(await openBytes(whole.subarray(0, length)), `cut at ${length}`).toBeUndefined();
    }
  });

  test("longer than it should be, at either end", async () => {
    expect(await openBytes(Buffer.concat([whole, Buffer.alloc(1)]))).toBeUndefined();
    expect(await openBytes(Buffer.concat([Buffer.alloc(1), whole]))).toBeUndefined();
    expect(await openBytes(Buffer.concat([whole, whole]))).toBeUndefined();
  });

  test("every byte of description and trailer, flipped", async () => {
    for (let index = weights.length; index < whole.length; index++) {
      const damaged = Buffer.from(whole);
      damaged[index]! ^= 1 << (index % 8);
      expect(await openBytes(damaged), `byte ${index}`).toBeUndefined();
    }
  });

  test("zeros in place of the end, as after a loss of power", async () => {
    const zeroed = Buffer.from(whole);
    zeroed.fill(0, whole.length - 200);
    expect(await openBytes(zeroed)).toBeUndefined();
    expect(await openBytes(Buffer.alloc(10_000))).toBeUndefined();
  });

  test("lengths that lie, although their checksum is right", async () => {
    const description = JSON.stringify({ key, header });
    const good = await openBytes(claiming(description));
    expect(good).toMatchObject({ header, byteLength: 1000 });
    await good!.close();
    const size = BigInt(Buffer.byteLength(description));
    for (const claims of [
      { weights: 999n },
      { weights: 2n ** 64n - 1n },
      { weights: 0n },
      { description: 2n ** 63n },
      { description: 2n ** 26n + 1n },
      { description: 0n },
      { weights: 1000n + size, description: 0n },
      { weights: 1001n, description: size - 1n },
      { weights: 2n ** 64n - 1n, description: size + 1001n },
    ]) {
      expect(await openBytes(claiming(description, claims)), JSON.stringify(claims, String)).toBeUndefined();
    }
  });

  test("a description that is none, although its checksum is right", async () => {
    const [first, second] = key.files;
    for (const wrong of [
      "",
      "{",
      "null",
      "[]",
      "7",
      "{}",
      `{ "header": {} }`,
      ...[
        null,
        [],
        { ...key, source: 7 },
        { ...key, format: null },
        { ...key, files: {} },
        { ...key, files: [null] },
        { ...key, files: [{ ...first, size: "100" }] },
        { ...key, files: [first, { ...second, headerHash: undefined }] },
      ].map((damaged) => JSON.stringify({ key: damaged, header })),
    ]) {
      expect(await openBytes(claiming(wrong)), wrong).toBeUndefined();
    }
  });

  test("what is no file, a link to one, or not there", async () => {
    await mkdir(join(folder, "folder"));
    await writeFile(join(folder, "target"), whole);
    await symlink("target", join(folder, "link"));
    execFileSync("mkfifo", [join(folder, "pipe")]);
    for (const name of ["folder", "link", "pipe", "absent", "target/inside"]) {
      expect(await openEntry(join(folder, name)), name).toBeUndefined();
    }
  });
});

describe("reading what is not there", () => {
  test("ranges outside are refused, whatever they are", async () => {
    const entry = await openBytes(whole);
    for (const [offset, length] of [
      [0, 1001],
      [1000, 1],
      [-1, 1],
      [0.5, 1],
      [Number.NaN, 0],
      [2 ** 60, 0],
    ] as const) {
      await expect(entry!.read(offset, new Uint8Array(length))).rejects.toMatchObject({ code: "read_failed" });
    }
    await entry!.close();
  });

  test("a file that became shorter is an error, after which nothing writes into the target", async () => {
    const path = join(folder, "shrinking");
    const bytes = new Uint8Array(3 * 2 ** 23).fill(9);
    await writeFile(path, Buffer.concat([bytes, encodeEnd(key, header, bytes.length)]));
    const entry = await openEntry(path);
    await truncate(path, 2 ** 23);
    const target = new Uint8Array(bytes.length);
    await expect(entry!.read(0, target)).rejects.toMatchObject({
      code: "read_failed",
      message: expect.stringContaining("it ends at byte"),
    });
    target.fill(0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(target.findIndex((byte) => byte !== 0)).toBe(-1);
    await entry!.close();
  });

  test("an entry that was closed", async () => {
    const entry = await openBytes(whole);
    await entry!.close();
    await expect(entry!.read(0, new Uint8Array(1))).rejects.toMatchObject({ code: "read_failed" });
  });
});

test("an entry of more than 4 GiB is read at its far end", async () => {
  const path = join(folder, "sparse");
  const size = 2 ** 32 + 100;
  const file = await open(path, "w");
  await file.write(new Uint8Array([7, 8, 9]), 0, 3, size - 3);
  const end = encodeEnd(key, header, size);
  await file.write(end, 0, end.length, size);
  await file.close();
  const entry = await openEntry(path);
  expect(entry?.byteLength).toBe(size);
  const target = new Uint8Array(4);
  await entry!.read(size - 4, target);
  await entry!.close();
  expect([...target]).toEqual([0, 7, 8, 9]);
});

test("keys are the same when their fields are, in whatever order", () => {
  const [first, second] = key.files as [WeightCacheKey["files"][number], WeightCacheKey["files"][number]];
  expect(isSameKey(key, { format: key.format, files: [second, first], source: key.source })).toBe(true);
  for (const other of [
    { ...key, source: "/models/b" },
    { ...key, format: "wasm 2, q4" },
    { ...key, files: [first] },
    { ...key, files: [first, second, second] },
    { ...key, files: [first, { ...second, name: "other.json" }] },
    { ...key, files: [first, { ...second, size: 11 }] },
    { ...key, files: [{ ...first, modified: first.modified + 0.125 }, second] },
    { ...key, files: [first, { ...second, headerHash: "ce" }] },
  ]) {
    expect(isSameKey(key, other)).toBe(false);
  }
});

test("a header that is too large is refused, and a large one is not", async () => {
  expect(() => encodeEnd(key, { text: "x".repeat(2 ** 26) }, 0)).toThrow(/is more than/);
  const entry = await openBytes(encodeEnd(key, { text: "x".repeat(2 ** 22) }, 0));
  expect(entry).toBeDefined();
  await entry!.close();
});
