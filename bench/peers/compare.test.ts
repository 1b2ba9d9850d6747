import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseFigure } from "../figures.ts";
import { shapes } from "../shapes.ts";
import { type ComparedRunner, compare } from "./compare.ts";
import { openResults } from "./results-file.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-bench-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

const shape = shapes.tiny;
const decode = parseFigure("decode@128", shape);
const load = parseFigure("load@second", shape);
const context = { shape, report: () => {} };

/** A runner whose measurements are these, in turn; `calls` says who measured what. */
function fake(name: string, values: readonly number[], calls: string[]): ComparedRunner {
  let next = 0;
  return {
    settings: "",
    runner: {
      name,
      measure: async (figure) => {
        calls.push(`${name} ${figure.name}`);
        const value = values[next++];
        if (value === undefined) throw new Error("interrupted");
        return { loadSeconds: value, rates: [value], peakBytes: 0 };
      },
    },
  };
}

test("both are measured in turns, and the ratio is the median of the turns' ratios", async () => {
  const calls: string[] = [];
  const results = await openResults(join(folder, "turns.jsonl"), { resume: false });
  const rows = await compare(fake("A", [10, 40, 30], calls), fake("B", [5, 10, 20], calls), [decode], {
    runs: 3,
    results,
    context,
  });
  expect(calls).toEqual(["A", "B", "B", "A", "A", "B"].map((name) => `${name} decode@128`));
  // Ratios 2, 4 and 1.5; the ratio of the medians would be 3.
  const best = { skein: 40, peer: 20 };
  expect(rows).toEqual([{ shape: "tiny", figure: "decode@128", skein: 30, peer: 10, ratio: 2, unit: "tok/s", best }]);
});

test("an interrupted run goes on where it was, and measures nothing twice", async () => {
  const path = join(folder, "resumed.jsonl");
  const calls: string[] = [];
  const first = compare(fake("A", [10, 20], calls), fake("B", [5], calls), [load, decode], {
    runs: 1,
    results: await openResults(path, { resume: false }),
    context,
  });
  await expect(first).rejects.toThrow("interrupted");
  expect(calls).toEqual(["A load@second", "B load@second", "A decode@128", "B decode@128"]);
  calls.length = 0;
  const rows = await compare(fake("A", [], calls), fake("B", [4], calls), [load, decode], {
    runs: 1,
    results: await openResults(path, { resume: true }),
    context,
  });
  expect(calls).toEqual(["B decode@128"]);
  expect(rows.map(({ ratio }) => ratio)).toEqual([2, 5]);
});

test("what was measured with other settings is not taken for these", async () => {
  const path = join(folder, "settings.jsonl");
  const results = await openResults(path, { resume: false });
  const options = { runs: 1, results, context };
  const calls: string[] = [];
  await compare(fake("A", [1], calls), fake("B", [1], calls), [decode], options);
  const other = { ...fake("A", [2], calls), settings: "one thread" };
  const [row] = await compare(other, fake("B", [], calls), [decode], options);
  expect(row!.ratio).toBe(2);
});
