import { mkdtemp, rm, truncate, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { makeResult } from "../test-result.ts";
import { readEvaluation } from "./read-evaluation.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-result-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("a result comes out of its file", async () => {
  const path = join(folder, "a.json");
  const result = makeResult([{ method: "none", length: 256, scores: [1, 0] }]);
  await writeFile(path, `${JSON.stringify(result)}\n`);
  expect(await readEvaluation(path)).toEqual(result);
});

test("what cannot be a result is refused with its path", async () => {
  const path = join(folder, "b.json");
  await expect(readEvaluation(path)).rejects.toThrow(`${path} cannot be read as a result`);
  await writeFile(path, Uint8Array.of(0x7b, 0xff));
  await expect(readEvaluation(path)).rejects.toThrow(`${path} cannot be read as a result: it is no text in UTF-8`);
  await truncate(path, 2 ** 29);
  await expect(readEvaluation(path)).rejects.toThrow("larger than 256 MiB");
  await expect(readEvaluation(folder)).rejects.toMatchObject({ code: "read_failed" });
});
