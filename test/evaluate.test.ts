import { type ChildProcess, spawn } from "node:child_process";
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { startTestServer } from "../src/evaluation/node/test-openai-server.ts";
import { loadModel } from "../src/index.ts";
import { tiny } from "./tiny.ts";

const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-evaluate-"));
});
afterAll(() => rm(folder, { recursive: true }));

interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** @param watch - given the process while it runs */
async function evaluate(args: readonly string[], watch?: (child: ChildProcess) => Promise<void>): Promise<Outcome> {
  const env = { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined, SKEIN_STATE: folder, SERVER_KEY: "s3cret-key" };
  const child = spawn(process.execPath, [main, "evaluate", ...args], { env });
  let [stdout, stderr] = ["", ""];
  child.stdout.setEncoding("utf8").on("data", (text) => {
    stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text) => {
    stderr += text;
  });
  const ended = new Promise<number | null>((resolve) => child.on("close", resolve));
  await watch?.(child);
  return { code: await ended, stdout, stderr };
}

describe("a run", () => {
  test("that Ctrl-C ends goes on with --resume, and leaves nothing behind when it is done", async () => {
    const args = [
      "--suites",
      "passkey",
      "--methods",
      "none,yarn-dynamic",
      "--lengths",
      "1x,2x",
      "--samples",
      "24",
      "--json",
    ];
    const interrupted = await evaluate(args, async (child) => {
      while ((await finishedTrials()) < 8 && child.exitCode === null) await new Promise((wake) => setTimeout(wake, 30));
      child.kill("SIGINT");
    });
    expect(interrupted.code).toBe(130);
    expect(interrupted.stderr).toMatch(
      /^\d+ finished parts are kept; the same command with --resume goes on\ninterrupted\n$/,
    );
    expect(JSON.parse(interrupted.stdout)).toEqual({ type: "error", code: "interrupted", message: "interrupted" });
    const kept = Number(/^\d+/.exec(interrupted.stderr)![0]);
    expect(kept).toBeGreaterThanOrEqual(8);

    const resumed = await evaluate([...args, "--resume"]);
    expect([resumed.code, resumed.stderr]).toEqual([0, `goes on after ${kept} finished parts\n`]);
    const { cells, samples, settings } = JSON.parse(resumed.stdout);
    expect(
      cells.map(({ suite, method, length, samples: count }: Record<string, unknown>) => [suite, method, length, count]),
    ).toEqual([
      ["passkey", "none", 256, 24],
      ["passkey", "yarn-dynamic", 256, 24],
      ["passkey", "none", 512, 24],
      ["passkey", "yarn-dynamic", 512, 24],
    ]);
    for (const { accuracy, interval } of cells) {
      expect(interval[0]).toBeLessThanOrEqual(accuracy);
      expect(interval[1]).toBeGreaterThanOrEqual(accuracy);
    }
    expect(cells[3].interval[0]).toBeGreaterThan(cells[2].interval[1]); // twice the window: scaled finds what unscaled does not
    expect(samples).toHaveLength(96);
    expect(samples[0]).toMatchObject({
      promptHash: expect.stringMatching(/^[0-9a-f]{64}$/),
      answer: expect.any(String),
      score: 1,
    });
    expect(settings.command.slice(0, 4)).toEqual(["skein", "evaluate", "--suites", "passkey"]);
    expect(await finishedTrials()).toBe(0);
  });
});

test.skipIf(process.platform !== "linux")("what was measured is kept where it cannot be written down", async () => {
  const args = ["--lengths", "128", "--samples", "2", "--suites", "passkey", "--methods", "none", "--seed", "5"];
  const refused = await evaluate([...args, "--report", "/proc/skein.html"]);
  expect([refused.code, refused.stdout]).toEqual([1, ""]);
  expect(refused.stderr).toMatch(
    /^all that was measured is kept; .*--resume.*\nskein: --report \/proc\/skein.html: .*\n$/,
  );
  expect((await evaluate([...args, "--resume"])).stderr).toBe("goes on after 2 finished parts\n");
});

describe("what comes out", () => {
  let result: string;
  beforeAll(async () => {
    result = join(folder, "result.json");
    const { stdout } = await evaluate(["--lengths", "128", "--samples", "2", "--suites", "passkey", "--json"]);
    await writeFile(result, stdout);
  });

  test("a result that was kept is shown again, in both languages, and becomes a page that is not replaced by chance", async () => {
    const page = join(folder, "report.html");
    const shown = await evaluate(["--from", result, "--report", page]);
    expect([shown.code, shown.stderr]).toEqual([0, `wrote ${page}\n`]);
    expect(shown.stdout).toContain("What to use");
    expect((await evaluate(["--from", result, "--lang", "zh"])).stdout).toContain("使用建议");
    const text = await readFile(page, "utf8");
    expect(text).toMatch(/^<!doctype html>.*<svg.*<\/html>\s*$/s);
    const again = await evaluate(["--from", result, "--report", page]);
    expect([again.code, again.stderr]).toEqual([2, `skein: --report ${page}: is there already; --force replaces it\n`]);
    expect((await evaluate(["--from", result, "--report", page, "--force"])).code).toBe(0);
    expect((await readdir(folder)).filter((name) => name.includes("unfinished"))).toEqual([]);
  });

  test("a result compared with itself differs nowhere", async () => {
    const { code, stdout } = await evaluate(["--compare", result, result, "--json"]);
    const { rows } = JSON.parse(stdout);
    expect(code).toBe(0);
    expect(rows).toHaveLength(3);
    for (const row of rows) expect(row).toMatchObject({ changed: 0, differs: false });
  });
});

test("a server is asked with its key and judged beside the same weights; the key shows up nowhere", async () => {
  await using model = await loadModel(tiny, { context: { extend: "yarn", allowBeyondWindow: true } });
  const context = { schedule: "static", factor: 4 } as const;
  await using server = await startTestServer(model, { dialect: "vllm", context, window: 1024 });
  const asked = ["--endpoint", server.url, "--key-env", "SERVER_KEY", "--lengths", "1x,3x", "--samples", "2", "--json"];
  const { code, stdout, stderr } = await evaluate([tiny, ...asked]);
  expect([code, stderr]).toEqual([0, ""]);
  const { subject, settings, behaviour, cells } = JSON.parse(stdout);
  expect(subject).toMatchObject({ kind: "endpoint", nativeWindow: 256, lengths: "local" });
  expect(settings.methods).toEqual([{ name: "endpoint", factor: 1 }]);
  expect(cells.map(({ suite, length }: Record<string, unknown>) => [suite, length])).toContainEqual(["passkey", 768]);
  expect(behaviour.kind).toBe("static");
  expect(server.requests.every(({ key }) => key === "Bearer s3cret-key")).toBe(true);
  expect(stdout + stderr).not.toContain("s3cret");
});

test("what was measured of a server stands where its behaviour cannot be found out, which --resume tries again", async () => {
  await using model = await loadModel(tiny);
  const served = { dialect: "vllm", context: { extend: "none" }, window: 256, proxyLimit: 300 } as const;
  await using server = await startTestServer(model, served);
  const suites = ["--suites", "passkey", "--native-window", "256", "--lengths", "0.5x,3x", "--samples", "2"];
  const { code, stdout, stderr } = await evaluate(["--endpoint", server.url, ...suites, "--json"]);
  expect(code).toBe(0);
  const { cells, behaviour } = JSON.parse(stdout);
  expect([cells.map(({ length }: { readonly length: number }) => length), behaviour]).toEqual([[128], undefined]);
  expect(stderr.trimEnd().split("\n").at(-1)).toMatch(
    /^warning: what its answers look like is left out, .* --resume tries it again: .* answered 413: an HTML page \(413 Request Entity Too Large\)$/,
  );
  const { proxyLimit: _, ...open } = served;
  server.served = open;
  const before = server.requests.length;
  const resumed = await evaluate(["--endpoint", server.url, ...suites, "--json", "--resume"]);
  expect([resumed.code, resumed.stderr.split("\n")[0]]).toEqual([
    0,
    expect.stringMatching(/^goes on after \d+ finished/),
  ]);
  const again = JSON.parse(resumed.stdout);
  expect([again.cells, again.behaviour?.kind]).toEqual([cells, "limited"]);
  expect(server.requests.length).toBeGreaterThan(before);
  const third = await evaluate(["--endpoint", server.url, ...suites, "--json", "--resume"]);
  expect(third.stderr).toContain("nothing of these settings to go on with");
});

test("speed that a server refuses at every length is an error that says so, and nothing is kept", async () => {
  await using model = await loadModel(tiny);
  await using server = await startTestServer(model, { dialect: "vllm", context: { extend: "none" }, window: 256 });
  const args = ["--endpoint", server.url, "--suites", "speed", "--native-window", "256", "--lengths", "2x,3x"];
  const { code, stdout, stderr } = await evaluate([...args, "--samples", "1"]);
  expect([code, stdout]).toEqual([1, ""]);
  expect(stderr).toMatch(/does not take 512 tokens.*\n.*does not take 768 tokens/);
  expect(stderr).toMatch(/\nskein: Nothing was measured: 512, 768 tokens were refused\.\n$/);
  expect(stderr).not.toContain("--resume");
});

test.each([
  ["linear", { factor: 2 }],
  ["yarn", { factor: 4, attention_factor: 1.1 }], // the factor that the server is compared at
])("a model that was trained with %s scaling counts for its server, without a comparison", async (type, numbers) => {
  const own = join(folder, type);
  await cp(tiny, own, { recursive: true });
  const config = JSON.parse(await readFile(join(own, "config.json"), "utf8"));
  const trained = { ...config, rope_scaling: { rope_type: type, ...numbers } };
  await writeFile(join(own, "config.json"), JSON.stringify(trained));
  await using model = await loadModel(own);
  await using server = await startTestServer(model, { dialect: "llama.cpp", context: {}, window: 256 });
  const args = ["--suites", "passkey", "--lengths", "128", "--samples", "2", "--json"];
  const { code, stdout, stderr } = await evaluate([own, "--endpoint", server.url, ...args]);
  expect([code, JSON.parse(stdout).subject.lengths]).toEqual([0, "local"]);
  expect(stderr).toContain("no other scaling can be put on its own; its tokenizer counts");
  const alone = await evaluate([own, "--methods", "none,yarn-dynamic", ...args]);
  expect(alone.code).toBe(2);
  expect(JSON.parse(alone.stdout).message).toMatch(/^--methods: .* trained with.*; give none alone, which measures it/);
});

describe("bad input", () => {
  test.each([
    [["--methods", "yarn"], 2, /"yarn" is none of none, linear/],
    [["--suites", "passkeys"], 2, /There is no suite "passkeys"; there are passkey, retrieval/],
    [["/nowhere/at/all", "--lengths", "1y"], 2, /"1y" must be/], // before anything is loaded
    [["--lengths", "5z"], 2, /"5z" must be a multiple of the native window/],
    [["--lengths", "16", "--suites", "passkey"], 1, /Nothing was measured: 16 tokens have no room/],
    [["--samples", "0"], 2, /It must be from 1 to 10000/],
    [["--factors", "1"], 2, /--factors: .*above 1/],
    [["/nowhere/at/all"], 1, /\/nowhere\/at\/all/],
    [["--compare", "one.json"], 2, /--compare needs two files, not 1/],
    [["--from", "/nowhere.json"], 2, /--from \/nowhere.json: there is no such file/],
    [["--compare", main, "/nowhere.json"], 2, /--compare \/nowhere.json: there is no such file/],
    [["--from", main], 1, /main.ts/],
    [["--from", "a", "--endpoint", "http://127.0.0.1:9/v1"], 2, /--from and --endpoint contradict each other/],
    [["--model", "a"], 2, /--model is a server's name/],
    [["--from", "a", "--seed", "2"], 2, /--seed does nothing here/],
    [["--chat"], 2, /--chat does nothing here: .*--endpoint/],
    [["--tasks", "vt"], 2, /--tasks does nothing here: .*--suites retrieval/],
    [["--endpoint", "http://127.0.0.1:9/v1", "--methods", "none"], 2, /--methods does nothing here/],
    [["--endpoint", "http://127.0.0.1:9/v1", "--weights", "q4"], 2, /--weights does nothing here: .*beside the server/],
    [["--endpoint", "http://127.0.0.1:9/v1", "--factors", "2"], 2, /--factors does nothing here/],
    [["--force"], 2, /--force does nothing here: it is for --report/],
    [["--suites", "retrieval", "--share", "2"], 2, /--share does nothing here: .*--suites passkey/],
    [["--methods", "none", "--factors", "2"], 2, /--factors does nothing here: the method none/],
    [["--report", "/nowhere/a.html"], 2, /--report \/nowhere\/a.html/],
    [["--endpoint", "ftp://a"], 2, /^skein: --endpoint: /],
    [["--endpoint", "http://user:s3cret@localhost:1"], 2, /a key comes from the environment/],
    [["--endpoint", "http://127.0.0.1:9/v1", "--native-window", "256"], 1, /127.0.0.1:9/],
    [["--suites", "retrieval", "--tasks", "niah"], 2, /niah_single_1/],
    [["--suites", "consistency", "--methods", "none"], 2, /yarn-dynamic/],
    [["--text", "/nowhere.txt"], 2, /--text \/nowhere.txt: there is no such file/],
  ])("%j is one line that says what to do", async (args, code, message) => {
    const outcome = await evaluate(args);
    expect(outcome.stderr).toMatch(message);
    expect([outcome.code, outcome.stderr.trimEnd().split("\n").length, outcome.stdout]).toEqual([code, 1, ""]);
  });

  test("a text without words", async () => {
    const path = join(folder, "empty.txt");
    await writeFile(path, " \n");
    expect((await evaluate(["--text", path])).stderr).toContain("has no text to hide anything in");
  });
});

async function finishedTrials(): Promise<number> {
  const journals = join(folder, "evaluations");
  const names = await readdir(journals).catch(() => []);
  const texts = await Promise.all(names.map((name) => readFile(join(journals, name), "utf8")));
  return texts
    .join("")
    .split("\n")
    .filter((line) => line.endsWith("}")).length;
}
