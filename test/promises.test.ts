import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  ContextLengthError,
  loadModel,
  type Model,
  type ModelFiles,
  type Progress,
  type Session,
} from "../src/index.ts";
import { readLogitsFixtures } from "./logits-fixtures.ts";

/* What users are promised (design.md, section 1), on a random model with a native window of 64. */
const fixtures = await readLogitsFixtures();
const filesOf = (name: string): ModelFiles => fixtures.find((fixture) => fixture.name === name)!.files;
const plainFiles = filesOf("qwen2_default_tied");
const yarnFiles = filesOf("qwen2_yarn4_tied");
const tiny = fileURLToPath(new URL("../models/tiny-qwen2", import.meta.url));

/** Tokens that are the same in every run. */
const tokens = (count: number, salt = 0): number[] =>
  Array.from({ length: count }, (_, i) => (i * 7919 + salt * 104729 + (i % 13) * 31) % 256);

async function allLogits(session: Session, ids: readonly number[], piece = ids.length): Promise<Float32Array> {
  const rows: Float32Array[] = [];
  for (let start = 0; start < ids.length; start += piece) {
    rows.push((await session.append(ids.slice(start, start + piece), { logits: "all" })).logits!);
  }
  const out = new Float32Array(rows.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const row of rows) {
    out.set(row, offset);
    offset += row.length;
  }
  return out;
}

async function save(session: Session): Promise<Blob> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  await session.save(new WritableStream({ write: (piece) => void pieces.push(piece.slice()) }));
  return new Blob(pieces);
}

let plain: Model;
let yarn: Model;
let fixed: Model;
beforeAll(async () => {
  plain = await loadModel(plainFiles);
  yarn = await loadModel(plainFiles, { context: { extend: "yarn", factor: 4 } });
  fixed = await loadModel(plainFiles, {
    context: { extend: "yarn", factor: 4, schedule: "static", allowBeyondWindow: true },
  });
});
afterAll(() => Promise.all([plain, yarn, fixed].map((model) => model.dispose())));

describe("native is native, extension is explicit", () => {
  test("the token past the window is refused, before anything is computed, and at the exact token", async () => {
    await using session = await plain.createSession();
    await expect(session.append(tokens(65))).rejects.toMatchObject({
      code: "context_length_exceeded",
      tokensNeeded: 65,
      tokensAvailable: 64,
      nativeWindow: 64,
      extendedWindow: 64,
      option: 'context: { extend: "yarn", factor: 2 }',
    });
    expect(session.length).toBe(0);
    const before = (await plain.statistics()).steps;
    await expect(plain.generate({ tokens: tokens(60), maxTokens: 5 }).result()).rejects.toBeInstanceOf(
      ContextLengthError,
    );
    expect((await plain.statistics()).steps).toBe(before);
    await session.append(tokens(64));
    await expect(session.append([1])).rejects.toMatchObject({ tokensNeeded: 65 });
    expect(session.length).toBe(64);
  });

  test("an open-ended answer ends at the window's end with the error, after all tokens that fit", async () => {
    const seen: number[] = [];
    const run = async (): Promise<void> => {
      for await (const chunk of plain.generate({ tokens: tokens(50), temperature: 0, endTokens: [] }))
        seen.push(...chunk.tokens);
    };
    await expect(run()).rejects.toMatchObject({ code: "context_length_exceeded", tokensNeeded: 65 });
    expect(seen).toHaveLength(14);
  });

  test("where maxTokens set the limit, the reason is length", async () => {
    const { finishReason, tokens: made } = await plain
      .generate({ tokens: tokens(50), maxTokens: 14, endTokens: [] })
      .result();
    expect([finishReason, made.length]).toEqual(["length", 14]);
  });

  test("nothing past the extended window, except under allowBeyondWindow", async () => {
    await expect(yarn.createSession({ plannedTokens: 257 })).rejects.toBeInstanceOf(ContextLengthError);
    await using session = await fixed.createSession({ plannedTokens: 300 });
    expect((await session.append(tokens(300), { logits: "last" })).rows).toBe(1);
  });

  test("a request may narrow what the model was loaded with, and never widen it", async () => {
    const narrow = { tokens: tokens(65), maxTokens: 1 };
    await expect(yarn.generate({ ...narrow, context: { extend: "none" } }).result()).rejects.toBeInstanceOf(
      ContextLengthError,
    );
    await expect(plain.generate({ ...narrow, context: { extend: "yarn" } }).result()).rejects.toMatchObject({
      option: "context.extend",
    });
    await expect(plain.createSession({ context: { allowBeyondWindow: true } })).rejects.toMatchObject({
      code: "invalid_option",
    });
    expect((await yarn.generate(narrow).result()).factor).toBe(2);
  });
});

describe("extension is dynamic", () => {
  test("in the native window, logits are bit for bit those with YaRN off", async () => {
    await using off = await plain.createSession();
    await using on = await yarn.createSession();
    expect(await allLogits(on, tokens(64))).toEqual(await allLogits(off, tokens(64)));
    expect(on.factor).toBe(1);
    await using scaled = await fixed.createSession();
    expect(await allLogits(scaled, tokens(64))).not.toEqual(await allLogits(await plain.createSession(), tokens(64)));
  });

  test.each([
    [100, 2],
    [200, 4],
  ])("%i tokens equal, bit for bit, a static model of factor %i", async (length, factor) => {
    await using stat = await loadModel(plainFiles, { context: { extend: "yarn", factor, schedule: "static" } });
    await using a = await yarn.createSession();
    await using b = await stat.createSession();
    expect(await allLogits(a, tokens(length))).toEqual(await allLogits(b, tokens(length)));
    expect([a.factor, b.factor]).toEqual([factor, factor]);
  });

  test("a declared yarn block is dynamic for Qwen, though an optional key is absent", async () => {
    const config = JSON.parse(await yarnFiles["config.json"]!.text());
    expect(config.rope_scaling.rope_type).toBe("yarn");
    await using declared = await loadModel(yarnFiles);
    expect(declared.context).toMatchObject({ nativeWindow: 64, extendedWindow: 256, schedule: "dynamic" });
    await using a = await declared.createSession();
    await using b = await plain.createSession();
    expect(await allLogits(a, tokens(64))).toEqual(await allLogits(b, tokens(64)));

    const bare = { ...config, max_position_embeddings: 64, rope_scaling: { type: "yarn", factor: 4 } };
    const warnings: string[] = [];
    const files = { ...yarnFiles, "config.json": new Blob([JSON.stringify(bare)]) };
    await using without = await loadModel(files, { onWarning: ({ code }) => warnings.push(code) });
    expect(warnings).toEqual(["yarn_without_original_window"]);
    await using c = await without.createSession();
    await using d = await yarn.createSession();
    expect(await allLogits(c, tokens(200))).toEqual(await allLogits(d, tokens(200)));
    expect(c.factor).toBe(4);
  });

  test("an open-ended request reserves nothing: its factor is that of the prompt", async () => {
    const generation = yarn.generate({ tokens: tokens(30), temperature: 0, endTokens: [] });
    for await (const chunk of generation) {
      expect(chunk.factor).toBe(1);
      break;
    }
  });

  test("enabling YaRN reserves no memory", async () => {
    const { cacheBlocks } = await yarn.statistics();
    await using session = await yarn.createSession();
    expect((await yarn.statistics()).cacheBlocks).toBe(cacheBlocks);
    await session.append(tokens(10));
    expect((await yarn.statistics()).cacheBlocks).toBe(cacheBlocks + 1);
  });
});

describe("a row's bits", () => {
  test.each([1, 3, 16, 63])("do not depend on chunking: pieces of %i", async (piece) => {
    await using whole = await yarn.createSession({ plannedTokens: 150 });
    await using pieces = await yarn.createSession({ plannedTokens: 150 });
    expect(await allLogits(pieces, tokens(150), piece)).toEqual(await allLogits(whole, tokens(150)));
  });

  test("do not depend on other sequences in the step, of the same or another factor", async () => {
    const alone = await Promise.all(
      [40, 90, 200].map(async (length, salt) => {
        await using model = await loadModel(plainFiles, { context: { extend: "yarn", factor: 4 } });
        return await allLogits(await model.createSession(), tokens(length, salt));
      }),
    );
    const { steps, rows } = await yarn.statistics();
    const sessions = await Promise.all([1, 2, 3].map(() => yarn.createSession()));
    const together = await Promise.all(
      [40, 90, 200].map((length, salt) => allLogits(sessions[salt]!, tokens(length, salt))),
    );
    expect(together).toEqual(alone);
    expect(sessions.map(({ factor }) => factor)).toEqual([1, 2, 4]);
    const after = await yarn.statistics();
    expect((after.rows - rows) / (after.steps - steps)).toBeGreaterThan(16); // they did share steps
    await Promise.all(sessions.map((session) => session.dispose()));
  });

  test("two sessions of different factors, interleaved token by token, do not touch each other", async () => {
    await using a = await yarn.createSession();
    await using b = await yarn.createSession({ plannedTokens: 200 });
    const [rowsA, rowsB]: [Float32Array[], Float32Array[]] = [[], []];
    for (const token of tokens(40)) {
      rowsA.push((await a.append([token], { logits: "last" })).logits!);
      rowsB.push((await b.append([token], { logits: "last" })).logits!);
    }
    expect([a.factor, b.factor]).toEqual([1, 4]);
    await using c = await plain.createSession();
    await using d = await fixed.createSession();
    const flat = (rows: Float32Array[]): number[] => rows.flatMap((row) => [...row]);
    expect(flat(rowsA)).toEqual([...(await allLogits(c, tokens(40)))]);
    expect(flat(rowsB)).toEqual([...(await allLogits(d, tokens(40)))]);
  });
});

describe("growth", () => {
  test("recompute equals a fresh session, bit for bit, over two growths", async () => {
    await using grown = await yarn.createSession();
    const parts = [tokens(50), tokens(40, 1), tokens(100, 2)];
    const last: Float32Array[] = [];
    const factors: number[] = [];
    for (const part of parts) {
      last.push(await allLogits(grown, part));
      factors.push(grown.factor);
    }
    expect(factors).toEqual([1, 2, 4]);
    await using fresh = await yarn.createSession();
    const rows = await allLogits(fresh, parts.flat());
    expect(rows.slice(-last[2]!.length)).toEqual(last[2]);
  });

  test("rerotate keeps what was computed, and is close to it where recompute is exact", async () => {
    const context = { growth: "rerotate" } as const;
    await using turned = await yarn.createSession({ context });
    await turned.append(tokens(50));
    const { rows } = await yarn.statistics();
    const { logits } = await turned.append(tokens(40, 1), { logits: "last" });
    expect(turned.factor).toBe(2);
    expect((await yarn.statistics()).rows - rows).toBe(40);
    await using fresh = await yarn.createSession();
    const exact = (await fresh.append([...tokens(50), ...tokens(40, 1)], { logits: "last" })).logits!;
    expect(logits).not.toEqual(exact);
    const scale = Math.sqrt(exact.reduce((sum, value) => sum + value * value, 0));
    const error = Math.sqrt(exact.reduce((sum, value, i) => sum + (value - logits![i]!) ** 2, 0));
    expect(error / scale).toBeLessThan(0.5);
  });

  test("a fork keeps its own factor and keys when the other grows", async () => {
    for (const growth of ["recompute", "rerotate"] as const) {
      await using session = await yarn.createSession({ context: { growth } });
      await session.append(tokens(50));
      await using fork = await session.fork();
      await session.append(tokens(60, 1));
      expect([session.factor, fork.factor]).toEqual([2, 1]);
      await using fresh = await plain.createSession();
      await fresh.append(tokens(50));
      expect(await allLogits(fork, tokens(10, 3))).toEqual(await allLogits(fresh, tokens(10, 3)));
    }
  });

  test("an aborted append that grew leaves the session as it was", async () => {
    await using model = await loadModel(tiny, { context: { extend: "yarn", factor: 4 } });
    await using session = await model.createSession();
    await session.append(tokens(200));
    const controller = new AbortController();
    const progress: Progress[] = [];
    const onProgress = (step: Progress): void => {
      progress.push(step);
      controller.abort(new Error("enough"));
    };
    await expect(session.append(tokens(800, 1), { signal: controller.signal, onProgress })).rejects.toThrow("enough");
    expect(progress[0]).toMatchObject({ phase: "growth", total: 1000 });
    expect(progress.at(-1)!.completed).toBeLessThan(1000);
    expect([session.length, session.factor]).toEqual([200, 1]);
    await using fresh = await model.createSession();
    await fresh.append(tokens(200));
    expect(await allLogits(session, tokens(10, 3))).toEqual(await allLogits(fresh, tokens(10, 3)));
  });

  test("nothing grows inside one request: prompt and maxTokens are planned together", async () => {
    const generation = yarn.generate({ tokens: tokens(60), maxTokens: 10, temperature: 0, endTokens: [] });
    const factors: number[] = [];
    for await (const chunk of generation) factors.push(chunk.factor);
    expect(factors).toEqual(Array.from({ length: 10 }, () => 2));
  });

  test("dynamic NTK follows the planned length, for the whole sequence", async () => {
    await using model = await loadModel(filesOf("qwen2_dynamic2"), { context: { allowBeyondWindow: true } });
    await using planned = await model.createSession({ plannedTokens: 120 });
    await using whole = await model.createSession();
    expect(await allLogits(planned, tokens(120), 11)).toEqual(await allLogits(whole, tokens(120)));
    await using shorter = await model.createSession({ plannedTokens: 100 });
    await using longer = await model.createSession({ plannedTokens: 120 });
    expect(await allLogits(shorter, tokens(50))).not.toEqual(await allLogits(longer, tokens(50)));
    expect([shorter.factor, longer.factor]).toEqual([100 / 64, 120 / 64]);
  });
});

test("a session that was planned for a length has its factor from the first token on, whatever it is given", async () => {
  await using session = await yarn.createSession({ plannedTokens: 200 });
  expect(session.factor).toBe(4);
  await session.append(tokens(10));
  await using fork = await session.fork();
  await fork.truncate(0);
  await fork.append(tokens(10));
  expect([session.factor, fork.factor]).toEqual([4, 4]);
});

test("growth is what happens to tokens that were read already, and progress says which", async () => {
  await using session = await yarn.createSession();
  const phases: string[] = [];
  const onProgress = ({ phase }: Progress): void => void phases.push(phase);
  await session.append(tokens(100), { onProgress });
  expect(new Set(phases.splice(0))).toEqual(new Set(["prefill"]));
  await session.append(tokens(100), { onProgress });
  expect(new Set(phases)).toEqual(new Set(["growth"]));
});

describe("what an independent reader of the promises found", () => {
  test("a conversation that fits the native window is native, also in a session that was longer before", async () => {
    await using session = await yarn.createSession();
    await session.append(tokens(200));
    await session.truncate(20);
    await session.append(tokens(10, 1));
    expect(session.factor).toBe(1);
    await using fresh = await plain.createSession();
    await fresh.append([...tokens(200).slice(0, 20), ...tokens(10, 1)]);
    expect(await allLogits(session, tokens(5, 2))).toEqual(await allLogits(fresh, tokens(5, 2)));
  });

  test("a call that waits its turn hears its abort, and disposing ends what runs", async () => {
    const session = await yarn.createSession();
    const running = session.generate({ tokens: tokens(5), maxTokens: 240, endTokens: [] }).result();
    const controller = new AbortController();
    const waiting = session.append([1], { signal: controller.signal });
    controller.abort(new Error("no longer"));
    await expect(waiting).rejects.toThrow("no longer");
    const ended = expect(running).rejects.toMatchObject({ code: "disposed" });
    await session.dispose();
    await ended;
    await expect(session.append([1])).rejects.toMatchObject({ code: "disposed" });
  });

  test("an empty session is saved and restored with its plan, and a narrowed one stays narrow", async () => {
    await using empty = await yarn.createSession({ plannedTokens: 200 });
    await using planned = await yarn.restoreSession(await save(empty));
    expect([planned.length, planned.factor]).toEqual([0, 4]);
    await planned.append(tokens(10));
    expect(planned.factor).toBe(4);
    await using narrow = await yarn.createSession({ context: { extend: "none" } });
    await narrow.append(tokens(10));
    await using restored = await yarn.restoreSession(await save(narrow));
    await expect(restored.append(tokens(100))).rejects.toBeInstanceOf(ContextLengthError);
    await using small = await yarn.createSession({ context: { nativeWindow: 32 } });
    await small.append(tokens(40));
    await using again = await yarn.restoreSession(await save(small));
    expect(await allLogits(again, tokens(5))).toEqual(await allLogits(small, tokens(5)));
  });

  test("a session that was cut is planned afresh, also when it was saved between", async () => {
    await using session = await yarn.createSession();
    await session.append(tokens(200));
    await session.truncate(40);
    await using restored = await yarn.restoreSession(await save(session));
    expect([restored.length, restored.factor]).toEqual([40, 4]);
    for (const each of [session, restored]) {
      await each.append(tokens(10, 1));
      expect(each.factor).toBe(1);
    }
    await using kept = await yarn.createSession();
    const endTokens = Array.from({ length: 256 }, (_, token) => token); // it ends at once
    await kept.generate({ tokens: tokens(20), maxTokens: 200, endTokens }).result();
    await using again = await yarn.restoreSession(await save(kept));
    await again.append(tokens(10, 1));
    expect(again.factor).toBe(4);
  });

  test("a session whose last request was narrower is saved, and goes on as it would itself", async () => {
    for (const context of [{ nativeWindow: 32 }, { extend: "none" }] as const) {
      await using session = await yarn.createSession();
      await session.generate({ tokens: tokens(50), maxTokens: 5, context, endTokens: [] }).result();
      await using restored = await yarn.restoreSession(await save(session));
      expect([restored.length, restored.factor]).toEqual([55, session.factor]);
      expect(await allLogits(restored, tokens(5))).toEqual(await allLogits(session, tokens(5)));
      expect(restored.factor).toBe(session.factor);
    }
  });

  test("turned keys never come back to a smaller factor", async () => {
    await using session = await yarn.createSession({ context: { growth: "rerotate" } });
    await session.append(tokens(50));
    await session.append(tokens(50, 1));
    expect(session.factor).toBe(2);
    await session.truncate(50);
    await using fresh = await plain.createSession();
    await fresh.append(tokens(50));
    expect(await allLogits(session, tokens(5))).toEqual(await allLogits(fresh, tokens(5)));
    expect(session.factor).toBe(1);
  });

  test("two loops over one answer both end; a listener that throws ends its call only", async () => {
    const generation = yarn.generate({ tokens: tokens(5), maxTokens: 10, endTokens: [] });
    const count = async (): Promise<number> => {
      let chunks = 0;
      for await (const _ of generation) chunks++;
      return chunks;
    };
    expect(await Promise.all([count(), count()])).toEqual([10, 10]);
    const onProgress = (): never => {
      throw new Error("mine");
    };
    await expect(yarn.generate({ tokens: tokens(5), maxTokens: 3, onProgress }).result()).rejects.toThrow("mine");
    expect((await yarn.generate({ tokens: tokens(5), maxTokens: 3, endTokens: [] }).result()).tokens).toHaveLength(3);
  });

  test("a session whose listener throws has what it had before, and goes on from there", async () => {
    await using model = await loadModel(tiny, { context: { extend: "yarn", factor: 4 }, cache: "q8" });
    await using session = await model.createSession({ plannedTokens: 1024 });
    await using fresh = await model.createSession({ plannedTokens: 1024 });
    await using neighbour = await model.createSession({ plannedTokens: 1024 });
    for (const each of [session, fresh]) await each.append(tokens(100));
    const expected = await allLogits(fresh, tokens(300, 2));
    for (let turn = 0; turn < 3; turn++) {
      const beside = neighbour.append(tokens(300, turn));
      let events = 0;
      const onProgress = (): never => {
        events++;
        throw new Error("mine");
      };
      await expect(session.append(tokens(900, 1), { onProgress })).rejects.toThrow("mine");
      expect([session.length, events]).toEqual([100, 1]);
      // At once, while steps may still be computed.
      expect(await allLogits(session, tokens(300, 2))).toEqual(expected);
      await session.truncate(100);
      await beside;
      expect(neighbour.length).toBe(300 * (turn + 1));
    }
  });

  test("calls that wait their turn have the tokens that they were given, though their buffer is filled again", async () => {
    await using session = await yarn.createSession();
    await using fresh = await yarn.createSession();
    const buffer = new Uint32Array(10);
    const options = { maxTokens: 1, temperature: 0, endTokens: [] };
    const calls: Promise<unknown>[] = [];
    for (const salt of [1, 2]) {
      buffer.set(tokens(10, salt));
      calls.push(session.append(buffer));
    }
    buffer.set(tokens(10, 3));
    const answer = session.generate({ ...options, tokens: buffer }).result();
    buffer.fill(0);
    await Promise.all(calls);
    await fresh.append([...tokens(10, 1), ...tokens(10, 2)]);
    const expected = await fresh.generate({ ...options, tokens: tokens(10, 3) }).result();
    expect((await answer).tokens).toEqual(expected.tokens);
    expect(await allLogits(session, tokens(5))).toEqual(await allLogits(fresh, tokens(5)));
  });

  test("stop texts need text", async () => {
    await expect(yarn.generate({ tokens: [1], maxTokens: 2, stop: "x" }).result()).rejects.toMatchObject({
      option: "stop",
    });
  });
});
