import { execFile, spawn } from "node:child_process";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-bench-test-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function bench(script: string, ...flags: readonly string[]): Promise<Outcome> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  return new Promise((resolve) => {
    execFile(process.execPath, [path, ...flags, "--folder", folder], (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

const tiny = ["--shape", "tiny", "--backend", "reference", "--weights", "f32", "--cache", "f16", "--threads", "1"];

test("measures start, prompts and answers, each with its peak memory", async () => {
  const { code, stdout, stderr } = await bench("main.ts", ...tiny, "--prefill", "64", "--depths", "1200", "--json");
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const { rows, ...settings } = JSON.parse(stdout);
  expect(settings).toMatchObject({ shape: "tiny", weights: "f32", cache: "f16", threads: 1 });
  const figures = ["load@first", "load@second", "prefill@64", "decode@1200"];
  expect(rows.map((row: { figure: string }) => row.figure)).toEqual(figures);
  for (const row of rows) {
    expect(row.median, row.figure).toBeGreaterThan(0);
    expect(row.peakBytes, row.figure).toBeGreaterThan(2 ** 25);
  }
  expect(stderr).toContain("Skein decode@1200");
  expect(await readdir(join(folder, "texts"))).toEqual(["skein-tiny-reference-f32-f16-1200.text"]);
});

test("growth: one text, read once, with what it costs at each depth and a fit", async () => {
  const { code, stdout, stderr } = await bench("growth.ts", ...tiny, "--lengths", "300,600,1200", "--json");
  expect({ code, stderr }).toMatchObject({ code: 0 });
  const { growth, fit, peakBytes } = JSON.parse(stdout);
  expect(growth.map(({ tokens }: { tokens: number }) => tokens)).toEqual([300, 600, 1200]);
  expect(fit.read.fitted).toHaveLength(3);
  expect(peakBytes).toBeGreaterThan(2 ** 25);
  const wrong = await bench("growth.ts", "--lengths", "600,300");
  expect(wrong.code).toBe(2);
  expect(wrong.stderr).toContain("--lengths must ascend, and end at 131072 or before");
});

test("the report is a plain table when it is piped", async () => {
  const { stdout } = await bench("main.ts", ...tiny, "--prefill", "", "--depths", "");
  expect(stdout.split("\n")[0]).toMatch(/^figure +median +best +unit +peak memory$/);
  expect(stdout).toMatch(/^load@first +[\d.]+ +[\d.]+ +s +[\d.]+ GiB$/m);
});

test("wrong flags are one line that says what is right", async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ["--shape=9b", /must be one of 0\.5b, 1\.5b, 7b/],
    ["--depths=12x", /must be a whole number/],
    ["--depths=200000", /decode@200000 cannot be measured: decode takes 1 to 131072 tokens/],
    ["--runs=0", /must be a whole number from 1/],
    ["--speed", /unknown option '--speed'.* --help/],
  ];
  for (const [flag, message] of cases) {
    const { code, stdout, stderr } = await bench("main.ts", flag);
    expect(code, flag).toBe(2);
    expect(stdout, flag).toBe("");
    expect(stderr.trim(), flag).toMatch(message);
    expect(stderr.trim().split("\n"), flag).toHaveLength(1);
  }
  const { code, stdout } = await bench("main.ts", "--speed", "--json");
  expect([code, JSON.parse(stdout)]).toMatchObject([2, { type: "error", code: "usage" }]);
});

test("what the engine refuses is said in its words", async () => {
  const { code, stderr } = await bench("main.ts", ...tiny, "--weights", "q4");
  expect(code).toBe(1);
  expect(stderr).toMatch(/^skein: .*\bq4\b/m);
});

test("Ctrl-C ends everything, says so, and leaves no half of a text behind", async () => {
  const path = fileURLToPath(new URL("main.ts", import.meta.url));
  const flags = [...tiny, "--prefill", "20000", "--depths", "", "--folder", folder];
  const child = spawn(process.execPath, [path, ...flags], { stdio: ["ignore", "pipe", "pipe"] });
  const code = new Promise((resolve) => child.once("close", resolve)); // when nobody has its output open any more, its own child neither
  let stderr = "";
  let isInterrupted = false;
  for await (const chunk of child.stderr) {
    stderr += chunk;
    if (isInterrupted || !stderr.includes("load@second")) continue;
    isInterrupted = child.kill("SIGINT"); // once: a second one ends it at once
  }
  expect(await code).toBe(130);
  expect(stderr).toMatch(/interrupted\s*$/);
  expect((await readdir(join(folder, "texts"))).filter((name) => name.includes("20000"))).toEqual([]);
});
