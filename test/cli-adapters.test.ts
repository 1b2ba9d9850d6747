import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, mkdtemp, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { randomAdapter } from "./adapter-models.ts";
import { tiny } from "./tiny.ts";

const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

function start(args: readonly string[]): { readonly child: ChildProcess; readonly outcome: Promise<Outcome> } {
  const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined };
  const child = spawn(process.execPath, [main, ...args], { env, stdio: ["ignore", "pipe", "pipe"] });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const outcome = new Promise<Outcome>((resolve) => child.on("close", (code) => resolve({ code, stdout, stderr })));
  return { child, outcome };
}

const skein = (...args: readonly string[]): Promise<Outcome> => start(args).outcome;

let folder: string;
let lora: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-cli-"));
  lora = join(folder, "a lora, and=more");
  await mkdir(lora);
  for (const [name, file] of Object.entries(randomAdapter(9).files))
    await writeFile(join(lora, name), new Uint8Array(await file.arrayBuffer()));
});
afterAll(() => rm(folder, { recursive: true }));

const question = ["--prompt", "In the beginning", "--max-tokens", "8", "--temperature", "0"];

test("generate with an adapter, and the merged model, say the same; without it, something else", async () => {
  const merged = join(folder, "merged");
  const written = await skein("merge", tiny, lora, merged);
  expect(written).toMatchObject({ code: 0, stderr: "" });
  expect(written.stdout).toMatch(/^Wrote .*merged: 1\.754 MiB of weights, 28 of its matrices changed\.\n$/);
  const [plain, beside, whole] = await Promise.all([
    skein("generate", tiny, ...question),
    skein("generate", tiny, ...question, "--adapter", `law=${lora}`),
    skein("generate", merged, ...question),
  ]);
  expect([plain.code, beside.code, whole.code]).toEqual([0, 0, 0]);
  expect(beside.stdout).toBe(whole.stdout);
  expect(beside.stdout).not.toBe(plain.stdout);
  const again = await skein("merge", tiny, lora, merged, "--json");
  expect(again).toMatchObject({ code: 2 });
  expect(JSON.parse(again.stdout)).toMatchObject({
    code: "invalid_option",
    message: expect.stringContaining("is not empty"),
  });
});

test("an adapter's window and factor, a saved session with it, and one without", async () => {
  const spec = `law=${lora},window=512,factor=2`;
  const saved = join(folder, "session");
  const answer = await skein("generate", tiny, ...question, "--adapter", spec, "--save", saved, "--json");
  expect(JSON.parse(answer.stdout.trim().split("\n").at(-1)!)).toMatchObject({ type: "result", factor: 2 });
  const resume = (...more: string[]) => skein("generate", tiny, "--resume", saved, "--max-tokens", "2", ...more);
  expect(await resume("--adapter", spec)).toMatchObject({ code: 0 });
  expect((await resume()).stderr).toContain("it was saved with an adapter that is not loaded");
  expect((await resume("--adapter", `law=${lora}`)).stderr).toContain("or not as it was then");
  const own = join(folder, "plain");
  await skein("generate", tiny, ...question, "--save", own);
  const mixed = await skein("generate", tiny, "--resume", own, "--max-tokens", "2", "--adapter", spec);
  expect([mixed.code, mixed.stderr]).toEqual([2, expect.stringContaining("was saved without an adapter")]);
});

test("wrong use is one line, and says what is right", async () => {
  const use = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await skein(...args);
    expect(code).toBe(2);
    expect(stderr.trim().split("\n")).toHaveLength(1);
    return stderr;
  };
  expect(await use("generate", tiny, ...question, "--adapter", lora.replace("=", ""))).toContain("must be NAME=PATH");
  expect(await use("generate", tiny, ...question, "--adapter", `law=${lora},window=many`)).toContain("whole number");
  expect(await use("generate", tiny, ...question, "--adapter", `law=${lora},factor=2,factor=3`)).toContain("twice");
  expect(await use("generate", tiny, ...question, "--adapter", `law=${lora},window=0`)).toMatch(
    /^skein: --adapter law: window must be .*, not 0$/m,
  );
  expect(await use("merge", tiny, lora)).toContain("missing required argument 'folder'");
  for (const flag of ["--window", "--factor"])
    expect(await use("merge", tiny, lora, join(folder, "none"), flag, "99999999")).toMatch(`skein: ${flag}: must be `);
  const { code, stderr } = await skein("generate", tiny, ...question, "--adapter", `law=${tiny}`);
  expect([code, stderr]).toEqual([1, expect.stringContaining("there is no adapter_config.json")]);
  const nowhere = join(folder, "nowhere");
  const advice = `skein: ${nowhere}: there is no such folder; give the folder of an adapter, with adapter_config.json and adapter_model.safetensors\n`;
  for (const args of [
    ["generate", tiny, ...question, "--adapter", `law=${nowhere}`],
    ["inspect", tiny, "--adapter", `law=${nowhere}`],
    ["merge", tiny, nowhere, join(folder, "none")],
  ])
    expect(await skein(...args)).toEqual({ code: 1, stdout: "", stderr: advice });
});

test("--help of merge has examples", async () => {
  const { code, stdout } = await skein("merge", "--help");
  expect([code, stdout]).toEqual([0, expect.stringMatching(/Examples:\n +\$ skein merge /)]);
});

test("Ctrl-C leaves nothing half-written", async () => {
  const target = join(folder, "interrupted");
  const { child, outcome } = start(["merge", tiny, lora, target]);
  setTimeout(() => child.kill("SIGINT"), 400);
  const { code } = await outcome;
  const names = await readdir(folder);
  expect(names.filter((name) => name.endsWith(".tmp"))).toEqual([]);
  // It was quicker, or it was stopped: then nothing is there.
  expect(names.includes("interrupted")).toBe(code === 0);
});
