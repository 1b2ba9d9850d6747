import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { SnapshotReader } from "../src/cache/snapshot.ts";
import { type CacheType, loadModel, type Model, type Session } from "../src/index.ts";
import { someTokens, tiny } from "./tiny.ts";

let folder: string;
let model: Model;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-test-"));
  model = await loadModel(tiny, { context: { extend: "yarn", factor: 4 } });
});
afterAll(async () => {
  await model.dispose();
  await rm(folder, { recursive: true });
});

const lastOf = async (session: Session, tokens: number[]) => (await session.append(tokens, { logits: "last" })).logits;

test.each([
  [100, 1],
  [500, 2],
])("a session of %i tokens (factor %i) goes on as if it had never been saved", async (length, factor) => {
  const path = join(folder, `session-${length}`);
  await using session = await model.createSession();
  await session.append(someTokens(length));
  await session.save(path);
  const steps = (await model.statistics()).rows;
  await using restored = await model.restoreSession(path);
  expect((await model.statistics()).rows).toBe(steps); // nothing was computed
  expect([restored.length, restored.factor]).toEqual([length, factor]);
  expect(await lastOf(restored, someTokens(20, 1))).toEqual(await lastOf(session, someTokens(20, 1)));
  await restored.append(someTokens(500, 2)); // and grows by the rules
  expect(restored.factor).toBe(length === 100 ? 4 : 4);
});

test("through a stream, and with an answer whose last token is not computed yet", async () => {
  await using session = await model.createSession();
  await session.generate({ tokens: someTokens(70), maxTokens: 6, temperature: 0, endTokens: [] }).result();
  const pieces: Uint8Array[] = [];
  let isClosed = false;
  await session.save(
    new WritableStream({
      write: (piece) => void pieces.push(piece.slice()),
      close: () => {
        isClosed = true;
      },
    }),
  );
  expect(isClosed).toBe(true);
  await using restored = await model.restoreSession(new Blob(pieces as Uint8Array<ArrayBuffer>[]));
  expect(restored.length).toBe(76);
  const next = (target: Session) => target.generate({ maxTokens: 5, temperature: 0, endTokens: [] }).result();
  expect((await next(restored)).tokens).toEqual((await next(session)).tokens);
});

test("a file is written whole or not at all", async () => {
  const path = join(folder, "whole");
  await writeFile(path, "before");
  await using session = await model.createSession();
  await session.append(someTokens(300));
  const controller = new AbortController();
  const saving = session.save(path, { signal: controller.signal });
  controller.abort(new Error("no more"));
  await expect(saving).rejects.toThrow("no more");
  expect(await readFile(path, "utf8")).toBe("before");
  await expect(session.save(join(folder, "no", "such", "folder"))).rejects.toMatchObject({ code: "write_failed" });
  const failing = new WritableStream<Uint8Array>({ write: () => Promise.reject(new Error("disk full")) });
  await expect(session.save(failing)).rejects.toThrow("disk full");
  expect((await readdir(folder)).filter((name) => name.includes("tmp"))).toEqual([]);
  await session.save(path); // the session is as good as before
  expect((await readFile(path)).length).toBeGreaterThan(100_000);
});

test("a stream is aborted also when saving ends before its first byte; one that somebody else holds is left alone", async () => {
  await using session = await model.createSession();
  const { readable, writable } = new TransformStream<Uint8Array>();
  const reading = expect(readable.getReader().read()).rejects.toThrow("no more");
  const signal = AbortSignal.abort(new Error("no more"));
  await expect(session.save(writable, { signal })).rejects.toThrow("no more");
  await reading;

  const written: Uint8Array[] = [];
  const held = new WritableStream<Uint8Array>({ write: (piece) => void written.push(piece) });
  const writer = held.getWriter();
  await expect(session.save(held, { signal })).rejects.toThrow("no more");
  await writer.write(Uint8Array.of(1));
  expect(written).toEqual([Uint8Array.of(1)]);
});

test("a stream that never closes holds neither who aborts nor the session's end", async () => {
  const stuck = (onClose: () => void) =>
    new WritableStream<Uint8Array>({
      close: () => {
        onClose();
        return new Promise(() => {});
      },
    });
  const session = await model.createSession();
  const controller = new AbortController();
  const abort = () => controller.abort(new Error("no more"));
  await expect(session.save(stuck(abort), { signal: controller.signal })).rejects.toThrow("no more");
  const { promise: closing, resolve } = Promise.withResolvers<void>();
  const saving = expect(session.save(stuck(resolve))).rejects.toMatchObject({ code: "disposed" });
  await closing;
  await session.dispose();
  await saving;
});

test("restoring that is aborted, before or while the model looks at what it is given, leaves no session", async () => {
  await using session = await model.createSession();
  const path = join(folder, "aborted");
  await session.save(path);
  const { sessions } = await model.statistics();
  const reason = new Error("no more");
  await expect(model.restoreSession(path, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);

  const controller = new AbortController();
  const { signal } = controller;
  const listen = vi.spyOn(signal, "addEventListener").mockImplementation((...args) => {
    AbortSignal.prototype.addEventListener.apply(signal, args as Parameters<AbortSignal["addEventListener"]>);
    queueMicrotask(() => controller.abort(reason)); // when somebody waits
  });
  await expect(model.restoreSession(path, { signal })).rejects.toBe(reason);
  expect(listen).toHaveBeenCalled();
  await using _ = await model.restoreSession(path); // after what went on
  await expect.poll(async () => (await model.statistics()).sessions).toBe(sessions + 1);
});

test("another model, cache type or context, or damage, is refused with a clear error", async () => {
  const path = join(folder, "refused");
  await using session = await model.createSession();
  await session.append(someTokens(400));
  await session.save(path);
  const { cacheBlocks } = await model.statistics();

  await using native = await loadModel(tiny);
  await expect(native.restoreSession(path)).rejects.toMatchObject({
    code: "snapshot_mismatch",
    message: expect.stringContaining('context: { extend: "yarn", factor: 2 }'),
  });
  const f16: CacheType = "f16";
  await using half = await loadModel(tiny, { cache: f16, context: { extend: "yarn", factor: 4 } });
  await expect(half.restoreSession(path)).rejects.toThrow(/its cache is f32; load the model with cache: "f32"/);

  const config = JSON.parse(await readFile(join(tiny, "config.json"), "utf8"));
  const other = {
    "config.json": new Blob([JSON.stringify({ ...config, rope_theta: 501 })]),
    "model.safetensors": new Blob([await readFile(join(tiny, "model.safetensors"))]),
  };
  await using different = await loadModel(other, { context: { extend: "yarn", factor: 4 } });
  await expect(different.restoreSession(path)).rejects.toThrow(/saved with another model/);

  const bytes = await readFile(path);
  for (const index of [0, 20, 300, 2000, bytes.length - 40]) {
    const damaged = Uint8Array.from(bytes);
    damaged[index]! ^= 1;
    await expect(model.restoreSession(new Blob([damaged]))).rejects.toMatchObject({ code: "invalid_snapshot" });
  }
  await expect(model.restoreSession(new Blob([Uint8Array.from(bytes.subarray(0, bytes.length - 5))]))).rejects.toThrow(
    /too early/,
  );
  await expect(model.restoreSession(join(folder, "missing"))).rejects.toMatchObject({ code: "not_found" });
  await expect(model.restoreSession(folder)).rejects.toMatchObject({ code: "not_found" });
  expect((await model.statistics()).cacheBlocks).toBe(cacheBlocks); // what was refused left nothing behind
});

test("YaRN that was trained, and is dynamic here, is refused with what restores it", async () => {
  const config = JSON.parse(await readFile(join(tiny, "config.json"), "utf8"));
  const rope_scaling = { rope_type: "yarn", factor: 4, attention_factor: 1.1, original_max_position_embeddings: 64 };
  const trained = {
    "config.json": new Blob([JSON.stringify({ ...config, rope_scaling })]),
    "model.safetensors": new Blob([await readFile(join(tiny, "model.safetensors"))]),
  };
  const path = join(folder, "trained");
  await using fixed = await loadModel(trained);
  await using session = await fixed.createSession();
  await session.append(someTokens(20));
  await session.save(path);
  await using dynamic = await loadModel(trained, { context: { schedule: "dynamic" }, onWarning: () => {} });
  await expect(dynamic.restoreSession(path)).rejects.toThrow(/load it with context: \{ extend: "yarn", factor: 4 \}$/);
  await using told = await loadModel(trained, { context: { extend: "yarn", factor: 4 } });
  await using _ = await told.restoreSession(path);
});

test("a chosen file that cannot be read any more is an error with its name", async () => {
  class LostFile extends File {
    override slice(): Blob {
      return this;
    }
    override arrayBuffer(): Promise<ArrayBuffer> {
      return Promise.reject(new DOMException("it is gone", "NotReadableError"));
    }
  }
  await expect(model.restoreSession(new LostFile(["SKEINSE2"], "chosen.session"))).rejects.toMatchObject({
    code: "read_failed",
    message: expect.stringMatching(/^chosen\.session: this saved session cannot be read .*it is gone/),
  });
});

test("where there is no SHA-256, as on a page without https, saving and restoring say so", async () => {
  await using session = await model.createSession();
  const path = join(folder, "insecure");
  await session.save(path);
  vi.stubGlobal("crypto", { subtle: undefined });
  try {
    const refusal = { code: "unsupported", message: expect.stringContaining("served over https") };
    await expect(model.restoreSession(path)).rejects.toMatchObject(refusal);
    await expect(session.save(path)).rejects.toMatchObject(refusal);
  } finally {
    vi.unstubAllGlobals();
  }
});

test("an f16 cache halves the memory, and stays close", async () => {
  await using half = await loadModel(tiny, { cache: "f16" });
  await using a = await half.createSession();
  await using b = await model.createSession();
  const [x, y] = [await lastOf(a, someTokens(200)), await lastOf(b, someTokens(200))];
  expect(Math.max(...x!.map((value, i) => Math.abs(value - y![i]!)))).toBeLessThan(0.05);
  const [first, second] = [await half.statistics(), await model.statistics()];
  expect(first.cacheBytes / first.cacheBlocks).toBe(second.cacheBytes / second.cacheBlocks / 2);
});

test("after rerotate, also 1 → 2 → 4, the first layer's keys are those of a fresh session", async () => {
  // Keys of the first layer depend on nothing but the token and its position: here turning has to be as good as computing anew.
  const keysOf = async (session: Session): Promise<Float32Array> => {
    const pieces: Uint8Array[] = [];
    await session.save(new WritableStream({ write: (piece) => void pieces.push(piece.slice()) }));
    const { reader, header } = await SnapshotReader.open(new Blob(pieces as Uint8Array<ArrayBuffer>[]));
    const { blockTokens } = (header as { readonly layout: { readonly blockTokens: number } }).layout;
    await reader.next(2 ** 30); // tokens
    const keys: number[] = [];
    for (let left = session.length; left > 0; left -= blockTokens) {
      const block = new Float32Array((await reader.next(2 ** 30)).buffer);
      keys.push(...block.subarray(0, 2 * Math.min(blockTokens, left) * 32)); // two key heads of 32
    }
    return Float32Array.from(keys);
  };
  await using turned = await model.createSession({ context: { growth: "rerotate" } });
  for (const [count, factor] of [
    [200, 1],
    [200, 2],
    [400, 4],
  ] as const) {
    await turned.append(someTokens(count, factor));
    expect(turned.factor).toBe(factor);
  }
  await using fresh = await model.createSession();
  await fresh.append([...someTokens(200, 1), ...someTokens(200, 2), ...someTokens(400, 4)]);
  const [a, b] = [await keysOf(turned), await keysOf(fresh)];
  expect(a.length).toBe(800 * 64);
  for (let key = 0; key < a.length; key += 32) {
    const norm = Math.hypot(...b.subarray(key, key + 32));
    for (let i = key; i < key + 32; i++) expect(Math.abs(a[i]! - b[i]!)).toBeLessThan(1e-5 * norm);
  }
});
