import { appendFile, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openResults } from "./results-file.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-bench-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

const measurement = { loadSeconds: 1, rates: [2, 3], peakBytes: 4 };

test("a run that is resumed knows what was measured, another one does not", async () => {
  const path = join(folder, "resumed.jsonl");
  const first = await openResults(path, { resume: false });
  await first.add("a", measurement);
  expect(first.find("a")).toEqual(measurement);
  const resumed = await openResults(path, { resume: true });
  expect(resumed.find("a")).toEqual(measurement);
  expect(resumed.find("b")).toBeUndefined();
  await openResults(path, { resume: false });
  expect((await openResults(path, { resume: true })).find("a")).toBeUndefined();
});

test("a line that was cut short is measured again, the others are kept", async () => {
  const path = join(folder, "cut.jsonl");
  const results = await openResults(path, { resume: false });
  await results.add("a", measurement);
  await appendFile(path, '{"key":"b","measurement":{"loadSec');
  const resumed = await openResults(path, { resume: true });
  expect([resumed.find("a"), resumed.find("b")]).toEqual([measurement, undefined]);
  await resumed.add("b", measurement);
  const again = await openResults(path, { resume: true });
  expect([again.find("a"), again.find("b")]).toEqual([measurement, measurement]);
});

test("there is nothing to resume where nothing was measured", async () => {
  expect((await openResults(join(folder, "none.jsonl"), { resume: true })).find("a")).toBeUndefined();
});
