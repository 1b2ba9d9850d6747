import { mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Engine, Sequence, Task } from "./engine.ts";
import { runTask } from "./run-task.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-bench-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** What the engine was asked, and the tokens that it holds. */
let calls: string[] = [];
let held: number[] = [];
let notes: string[] = [];
beforeEach(() => {
  calls = [];
  held = [];
  notes = [];
});

const sequence: Sequence = {
  append: async (tokens) => {
    calls.push(`append ${tokens.length}`);
    held.push(...tokens);
  },
  generate: async (first, count, onToken) => {
    calls.push(`generate ${count} after ${held.length}`);
    held.push(first);
    for (let i = 0; i < count; i++) {
      // A timer may end before a millisecond is over.
      for (const began = performance.now(); performance.now() - began < 1; ) await new Promise(setImmediate);
      held.push(i);
      onToken(i);
    }
  },
  truncate: async (length) => {
    calls.push(`truncate ${length}`);
    held.length = length;
  },
  save: async (path) => {
    calls.push(`save ${held.length}`);
    await writeFile(path, JSON.stringify(held));
  },
  release: async () => {
    held = [];
  },
};

const engine: Engine = {
  vocabulary: 100,
  createSequence: async () => sequence,
  restoreSequence: async (path) => {
    if (path.includes("stale")) throw new Error("another model");
    calls.push(`restore ${basename(path)}`);
    return sequence;
  },
  settle: async () => void calls.push("settle"),
  close: async () => void calls.push("close"),
};

function run(task: Task) {
  return runTask(async () => engine, task, { onProgress: () => {}, onNote: (text) => notes.push(text) });
}

test("decoding is measured at the same depth each time, from tokens to token", async () => {
  const { rates } = await run({ kind: "decode", text: { length: 300, path: undefined } });
  expect(calls).toContain("append 64"); // the warm-up
  expect(calls).toContain("generate 48 after 66");
  expect(calls.filter((call) => call.startsWith("generate 49"))).toEqual(Array(3).fill("generate 49 after 300"));
  expect(rates).toHaveLength(3);
  for (const rate of rates) expect(rate).toBeLessThanOrEqual(1010); // a token takes a millisecond or more
  expect(calls.at(-1)).toBe("close");
});

test("what the process used is told of all that is measured, and not of a start", async () => {
  const { usage } = await run({ kind: "prefill", tokens: 2048, save: undefined });
  expect(usage!.processors).toBeGreaterThan(0);
  if (process.platform === "linux") expect(usage!.stolen).toBeGreaterThanOrEqual(0);
  expect(await run({ kind: "load" })).not.toHaveProperty("usage");
});

test("a long text is read and saved the first time, and restored from then on", async () => {
  const task: Task = { kind: "decode", text: { length: 2000, path: join(folder, "2000.text") } };
  await run(task);
  expect(calls).toContain("append 2000");
  expect(calls).toContain("save 2000");
  expect(await readdir(folder)).toEqual(["2000.text"]);
  calls = [];
  await run(task);
  expect(calls).toContain("restore 2000.text");
  expect(calls).not.toContain("append 2000");
});

test("a longer text that was saved is cut, and only one of the same setting", async () => {
  for (const name of ["a-2000.text", "a-5000.text", "a-1000.text", "b-2500.text"])
    await writeFile(join(folder, name), "");
  await run({ kind: "decode", text: { length: 2100, path: join(folder, "a-2100.text") } });
  expect(calls.filter((call) => call.startsWith("restore"))).toEqual(["restore a-5000.text"]);
  expect(calls).toContain("truncate 2100");
  expect(calls.some((call) => call.startsWith("append 2100"))).toBe(false);
});

test("a shorter text that was saved is read on where that is allowed, and what comes of it is kept", async () => {
  for (const name of ["e-500.text", "e-1500.text"]) await writeFile(join(folder, name), JSON.stringify([]));
  const task = { kind: "decode", text: { length: 2100, path: join(folder, "e-2100.text") } } as const;
  await run({ ...task, fromShorter: true });
  expect(calls.filter((call) => /^restore|^append 6|^save/.test(call)).slice(1)).toEqual([
    "restore e-1500.text",
    "append 600",
    "save 600", // this sequence holds nothing of what it restores
  ]);
  await rm(join(folder, "e-2100.text"));
  calls = [];
  await run(task);
  expect(calls).toContain("append 2100");
});

test("where memory is measured, no longer text than fits stands for it, and its end is read in any case", async () => {
  for (const name of ["d-5000.text", "d-3000.text"]) await writeFile(join(folder, name), "");
  const task = { kind: "decode", longest: 2500, readOn: 300 } as const;
  await run({ ...task, text: { length: 2100, path: join(folder, "d-2100.text") } });
  expect(calls).toContain("append 2100");
  expect(calls).toContain("append 300");
  expect(calls).toContain("generate 49 after 2400");
});

test("a growing text is read once, piece by piece, and answered behind from the longest part to the shortest", async () => {
  const save = { length: 2950, path: join(folder, "c-2950.text") };
  const { growth, rates } = await run({ kind: "growth", lengths: [1000, 2000, 3000], save });
  expect(rates).toEqual([]);
  expect(growth!.map(({ tokens }) => tokens)).toEqual([1000, 2000, 3000]);
  expect(calls.filter((call) => /^append 1000|^save/.test(call))).toEqual([
    ...Array(3).fill("append 1000"),
    "save 2950",
  ]);
  expect(calls.filter((call) => call.startsWith("generate 49"))).toEqual(
    [2950, 2000, 1000].flatMap((length) => Array(3).fill(`generate 49 after ${length}`)),
  );
  for (const [i, { seconds, decodeRate }] of growth!.entries()) {
    expect(seconds).toBeGreaterThanOrEqual(growth![i - 1]?.seconds ?? 0);
    expect(decodeRate).toBeGreaterThan(0);
  }
});

test("a saved text that is of no use is read again, and says so", async () => {
  const path = join(folder, "stale-2000.text");
  await writeFile(path, "");
  await run({ kind: "decode", text: { length: 2000, path } });
  expect(calls).toContain("save 2000");
  expect(notes.join()).toContain("another model");
});

test("short prompts are read several times, long ones once, and what is kept has the length that is asked for", async () => {
  expect((await run({ kind: "prefill", tokens: 512, save: undefined })).rates).toHaveLength(4);
  const save = { length: 2990, path: join(folder, "2990.text") };
  expect((await run({ kind: "prefill", tokens: 3000, save })).rates).toHaveLength(1);
  expect(calls).toContain("save 2990");
});

test("loading is measured to the first token, and its memory is this process's", async () => {
  const { loadSeconds, rates, peakBytes } = await run({ kind: "load" });
  expect(calls).toEqual(["generate 1 after 0", "settle", "close"]);
  expect(loadSeconds).toBeGreaterThan(0.0005);
  expect(rates).toEqual([]);
  expect(peakBytes).toBeGreaterThan(process.memoryUsage.rss() / 2);
});

test("an engine is closed when its task fails", async () => {
  const failing: Engine = { ...engine, createSequence: () => Promise.reject(new Error("no memory")) };
  const events = { onProgress: () => {}, onNote: () => {} };
  await expect(runTask(async () => failing, { kind: "load" }, events)).rejects.toThrow("no memory");
  expect(calls).toEqual(["close"]);
});
