import { execFile } from "node:child_process";
import { mkdtemp, readdir, rm, symlink, truncate, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeEach, expect, test } from "vitest";
import { createWeightCache } from "../engine/node/weight-cache.ts";

const main = fileURLToPath(new URL("main.ts", import.meta.url));

let folder: string;
const made: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-cli-cache-"));
  made.push(folder);
});
afterAll(() => Promise.all(made.map((path) => rm(path, { recursive: true, force: true }))));

interface Outcome {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

function skein(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Outcome> {
  const env = {
    ...process.env,
    NO_COLOR: "1",
    FORCE_COLOR: undefined,
    SKEIN_CACHE: folder,
    SKEIN_CACHE_LIMIT: "20GiB",
  };
  return new Promise((resolve) => {
    execFile(process.execPath, [main, ...args], { env: { ...env, ...environment } }, (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
  });
}

async function put(source: string, format: string, bytes: number): Promise<void> {
  const cache = createWeightCache(() => ({ folder, limit: 1e9 }));
  const writer = await cache.create({ source, format, files: [] }, bytes);
  await writer?.write(new Uint8Array(bytes));
  await writer?.commit({});
}

test("a file in place of the folder is said to be one", async () => {
  const file = join(folder, "file");
  await writeFile(file, "");
  for (const args of [["cache"], ["cache", "clear"]]) {
    for (const path of [file, join(file, "below")]) {
      const { code, stdout, stderr } = await skein(args, { SKEIN_CACHE: path });
      expect([code, stdout]).toEqual([1, ""]);
      expect(stderr).toBe(`skein: SKEIN_CACHE: ${path} is not a folder, so that nothing is kept; name a folder\n`);
    }
  }
});

test.skipIf(process.platform === "win32")("a folder that cannot be read is not called empty", async () => {
  const loop = join(folder, "loop");
  await symlink("loop", loop);
  for (const [args, variable] of [
    [["cache"], "SKEIN_CACHE"],
    [["cache", "clear"], "SKEIN_CACHE"],
    [["list"], "HF_HUB_CACHE"],
  ] as const) {
    const { code, stdout, stderr } = await skein(args, { [variable]: loop });
    expect([code, stdout]).toEqual([1, ""]);
    expect(stderr).toContain(`skein: ${loop}: cannot be read (ELOOP)`);
  }
});

test("shows what is there as a table, and as JSON", async () => {
  await put("/models/Qwen2-7B", "wasm 1, q4", 3_000_000);
  const used = new Date(2026, 2, 5, 14, 3);
  for (const name of await readdir(folder)) await utimes(join(folder, name), used, used);
  await put("/models/a\u001b[2J", "wasm 1, q8", 1_000);
  const { code, stdout, stderr } = await skein(["cache"]);
  expect([code, stderr]).toEqual([0, ""]);
  const lines = stdout.trimEnd().split("\n");
  expect(lines[0]).toMatch(/^model +format +size +last used$/);
  expect(lines[1]).toMatch(/^\/models\/a\ufffd\[2J +wasm 1, q8 +\d[.\d]* KiB +\d{4}-\d\d-\d\d \d\d:\d\d$/);
  expect(lines[2]).toMatch(/^\/models\/Qwen2-7B +wasm 1, q4 +2\.861 MiB +2026-03-05 14:03$/);
  expect(lines.at(-1)).toBe(`2.862 MiB in ${folder}. At most 20 GiB.`);

  const json = JSON.parse((await skein(["cache", "--json"])).stdout);
  expect(json).toMatchObject({
    folder,
    limit: 20 * 2 ** 30,
    entries: [{ format: "wasm 1, q8" }, { source: "/models/Qwen2-7B", lastUsed: used.toISOString() }],
    unusable: { files: 0, bytes: 0 },
  });
});

test("says when nothing is there, what is of no use, and when it is turned off", async () => {
  expect(await skein(["cache"])).toEqual({
    code: 0,
    stdout: `Nothing is cached in ${folder}. At most 20 GiB.\n`,
    stderr: "",
  });
  expect((await skein(["cache"], { SKEIN_CACHE: join(folder, "absent") })).stdout).toContain("Nothing is cached in ");
  expect((await skein(["cache"], { SKEIN_CACHE_LIMIT: "0" })).stdout).toBe(
    `Nothing is cached in ${folder}. The cache is turned off (SKEIN_CACHE_LIMIT is 0).\n`,
  );
  await put("/models/a", "q4", 5000);
  for (const name of await readdir(folder)) await truncate(join(folder, name), 2048);
  expect((await skein(["cache"])).stdout).toBe(
    `1 file unfinished, damaged or of another version: 2 KiB\n2 KiB in ${folder}. At most 20 GiB.\n`,
  );
  expect(await skein(["cache", "clear"])).toMatchObject({ code: 0, stdout: "Removed 1 file, 2 KiB.\n" });
});

test("clears one model, and everything, and says what it freed", async () => {
  await put("/models/a", "q4", 2000);
  await put("/models/a", "q8", 2000);
  await put("/models/b", "q4", 2000);
  const one = await skein(["cache", "clear", "/models/a"]);
  expect(one).toMatchObject({ code: 0, stderr: "" });
  expect(one.stdout).toMatch(/^Removed 2 files, 4\.\d+ KiB\.\n$/);
  const again = await skein(["cache", "clear", "/models/a"]);
  expect(again).toMatchObject({ code: 1, stdout: "" });
  expect(again.stderr).toMatch(/^skein: \/models\/a: no weights of this model are cached; skein cache shows .*\n$/);
  const rest = JSON.parse((await skein(["cache", "clear", "--json"])).stdout);
  expect(rest).toMatchObject({ files: 1, bytes: expect.any(Number) });
  expect(await skein(["cache", "clear"])).toMatchObject({ code: 0, stdout: "Nothing is cached.\n" });
  expect(await readdir(folder)).toEqual([]);
});

test.each<[readonly string[], number, RegExp, Readonly<Record<string, string>>?]>([
  [["cache", "list"], 2, /too many arguments.*skein cache --help/],
  [["cache", "clear", "/models/a", "/models/b"], 2, /too many arguments.*skein cache --help/],
  [["cache", "--nope"], 2, /unknown option '--nope'/],
  [["cache", "clear", "--nope"], 2, /unknown option '--nope'/],
  [["cache", "clear", ""], 2, /must be the path of a model's folder/],
  [["cache"], 2, /SKEIN_CACHE_LIMIT: must be a size such as 20GB.*not "plenty"/, { SKEIN_CACHE_LIMIT: "plenty" }],
])("%j is refused in one line", async (args, expected, message, environment = {}) => {
  await put("/models/a", "q4", 2000);
  const { code, stdout, stderr } = await skein(args, environment);
  expect([code, stdout]).toEqual([expected, ""]);
  expect(stderr).toMatch(/^skein: /);
  expect(stderr).toMatch(message);
  expect(stderr.trimEnd().split("\n")).toHaveLength(1);
  expect(await readdir(folder)).toHaveLength(1);
});

test.each([[["cache", "--help"]], [["cache", "clear", "--help"]]])("%j has examples", async (args) => {
  const { code, stdout } = await skein(args);
  expect(code).toBe(0);
  expect(stdout).toContain("$ skein cache clear ./Qwen2-7B-Instruct");
});
