import { openAsBlob } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, test } from "vitest";
import { type KernelVariant, kernelVariants } from "../src/backend/wasm/builder/variant.ts";
import { moduleName } from "../src/backend/wasm/variants.ts";
import { type LoadOptions, loadModel, type ModelSource } from "../src/index.ts";
import { randomAdapter } from "./adapter-models.ts";
import { chromium, type Served } from "./browser-page.ts";
import { tinyGguf } from "./gguf-models.ts";
import { runTool } from "./installed-package.ts";
import { type LogitsFixture, largestDifference, readLogitsFixtures } from "./logits-fixtures.ts";
import { type PageTask, pageHtml, pageScript, runTasks, type TaskResult, type TasksResult } from "./page-tasks.ts";
import { dequantisedModel, divergence } from "./quantised-models.ts";
import { tiny } from "./tiny.ts";

/*
 * The WebAssembly kernels in a browser: the package's own files, served as they are, in a page that may share memory between threads and in one that
 * may not. One page does all tasks of a case, since starting a browser takes longer than the tasks do.
 */
const repository = fileURLToPath(new URL("..", import.meta.url));
const request = { prompt: "In the beginning", maxTokens: 16, temperature: 0 };
const context = { extend: "yarn", factor: 4 } as const;
const vocabulary = 1024;
const kinds = kernelVariants.length;
const adapter = randomAdapter(1);

/** Tokens of a text past the embedded model's window: four tiles of the cache, three of them quantised when the last is read. */
let tokens: number[];
/** What the embedded model says with a random adapter. */
let adapted: { readonly tokens: readonly number[]; readonly text: string };
let generated: { readonly tokens: readonly number[]; readonly text: string };
/** The reference backend's, of the weights that `q4` makes. */
let reference: Float32Array;
let fixture: LogitsFixture;
let served: Served;

beforeAll(async () => {
  await runTool("tsdown", ["--log-level", "error"], repository);
  fixture = (await readLogitsFixtures()).find(({ name }) => name === "qwen2_yarn4_untied")!;
  const q8 = await tinyGguf("Q8_0");
  served = {
    "/index.html": new Blob([pageHtml]),
    "/page.js": new Blob([pageScript("/skein/index.js", true)]),
    "/skein/": `${repository}dist/browser`,
    "/model/": tiny,
    "/gguf/bf16.gguf": new Blob([await tinyGguf("BF16")]),
    "/gguf/q8.gguf": new Blob([q8]),
    "/gguf/k.gguf": new Blob([await tinyGguf("Q5_1")]),
    "/gguf/cut.gguf": new Blob([q8.slice(0, q8.length >> 1)]),
    ...Object.fromEntries(Object.entries(adapter.files).map(([name, file]) => [`/adapter/${name}`, file])),
    ...Object.fromEntries(Object.entries(fixture.files).map(([name, file]) => [`/fixture/${name}`, file])),
  };
  await using model = await loadModel(tiny, { adapters: { law: adapter.files } });
  const result = await model.generate(request).result();
  generated = { tokens: result.tokens, text: result.text };
  const other = await model.generate({ ...request, adapter: "law" }).result();
  adapted = { tokens: other.tokens, text: other.text };
  const text = await readFile(`${tiny}/haystack.txt`, "utf8");
  tokens = [...(await model.tokenize(text.slice(0, 4000)))].slice(0, 450);
  const files = {
    "config.json": await openAsBlob(`${tiny}/config.json`),
    "model.safetensors": await openAsBlob(`${tiny}/model.safetensors`),
  };
  reference = await logitsInNode(await dequantisedModel(files, "q4"), { backend: "reference" });
});

describe.runIf(chromium !== undefined).each([true, false])(
  "cross-origin isolated: %s (needs a Chromium on the PATH)",
  (isIsolated) => {
    const longest = () => fixture.runs.at(-1)!;
    const quantised = (kernels: KernelVariant, threads: number): PageTask => ({
      source: "/model/",
      options: { weights: "q4", cache: "q8", context, kernels, threads },
      tokens,
    });
    let page: TasksResult;
    let byDefault: TaskResult;
    let onTwoThreads: readonly TaskResult[];
    let onOne: TaskResult;
    let ofFixture: readonly TaskResult[];

    beforeAll(async () => {
      const tasks: readonly PageTask[] = [
        { source: "/model/", request },
        ...kernelVariants.map((kernels) => quantised(kernels, 2)),
        quantised("relaxed", 1),
        ...kernelVariants.map((kernels) => ({
          source: "/fixture/",
          options: { kernels, context: { allowBeyondWindow: true, schedule: "static" } as const },
          tokens: longest().tokens,
        })),
        {
          source: "/model/",
          options: { adapters: { law: "/adapter/" }, threads: 1 },
          request: { ...request, adapter: "law" },
        },
      ];
      page = await runTasks(served, isIsolated, tasks);
      byDefault = page.results[0]!;
      onTwoThreads = page.results.slice(1, 1 + kinds);
      onOne = page.results[1 + kinds]!;
      ofFixture = page.results.slice(2 + kinds, -1);
    });

    test("the page is what it should be", () => {
      expect(page.isIsolated).toBe(isIsolated);
      expect(page.requests).not.toContain("/skein/gguf-worker.js");
    });

    test("with default options, the embedded model generates what it does in Node", () => {
      expect(byDefault).toMatchObject({ warnings: [], generated });
    });

    test("with an adapter from the page's server it generates what it does in Node", () => {
      expect(page.results.at(-1)).toMatchObject({ warnings: [], generated: adapted });
      expect(adapted.tokens).not.toEqual(generated.tokens);
    });

    test.each(kernelVariants)("float32 weights and cache: a fixture's logits, %s kernels", (variant) => {
      const { logits } = longest();
      const computed = ofFixture[kernelVariants.indexOf(variant)]!.logits.subarray(-logits.length);
      expect(largestDifference(computed, logits)).toBeLessThan(1e-3);
    });

    test.each(kernelVariants)(
      "4-bit weights and 8-bit cache: near the reference of the same weights, %s kernels",
      (variant) => {
        const { logits } = onTwoThreads[kernelVariants.indexOf(variant)]!;
        const measured = divergence(reference, logits, vocabulary);
        expect(measured.divergence).toBeLessThan(2e-3);
        expect(measured.divergence).toBeGreaterThan(0);
      },
    );

    test("each kind of kernels has its own modules; relaxed and pairs compute the same bits, plain others", () => {
      const [relaxed, pairs, plain] = onTwoThreads.map(({ logits }) => logits);
      expect(isSame(relaxed!, pairs!)).toBe(true);
      expect(isSame(relaxed!, plain!)).toBe(false);
      for (const kind of kernelVariants) expect(page.requests).toContain(`/skein/${moduleName(kind)}`);
    });

    test("two threads compute the same bits as one", () => {
      expect(isSame(onTwoThreads[0]!.logits, onOne.logits)).toBe(true);
    });

    // A thread is a worker of the engine's script. A step ends when all threads have met, so that each that was started took part.
    test(
      isIsolated ? "threads are used: two, and all that there are by default" : "two threads are one, with a warning",
      () => {
        const workers = page.requests.filter((path) => path === "/skein/engine-worker.js").length;
        const models = page.results.length;
        const { processors } = page;
        expect(workers).toBe(isIsolated ? models + kinds + (1 + kinds) * (processors - 1) : models);
        for (const { warnings } of onTwoThreads) expect(warnings).toEqual(isIsolated ? [] : ["threads"]);
        expect(onOne.warnings).toEqual([]);
      },
    );
  },
);

describe.runIf(chromium !== undefined).each([true, false])(
  "GGUF files, cross-origin isolated: %s (needs a Chromium on the PATH)",
  (isIsolated) => {
    test("from their address, and as Blobs: what a folder of the same numbers computes; their reader is fetched for them alone", async () => {
      const few = tokens.slice(0, 100);
      const { results, requests } = await runTasks(served, isIsolated, [
        { source: "/gguf/bf16.gguf", inspect: true, request },
        { source: "/gguf/bf16.gguf", asBlob: true, request },
        { source: "/gguf/q8.gguf", asBlob: true, inspect: true, tokens: few },
        { source: "/gguf/q8.gguf", tokens: few },
        { source: "/gguf/k.gguf", tokens: few },
        { source: "/gguf/cut.gguf", fails: true },
        { source: "/gguf/none.gguf", fails: true },
        { source: "/model/", options: { weights: "q8" }, tokens: few },
      ]);
      const [url, blob, ofBlob, ofUrl, widened, cut, none, folder] = results;
      expect(url).toMatchObject({ warnings: [], generated, weights: { BF16: expect.any(Number) } });
      expect(blob).toMatchObject({ warnings: [], generated });
      expect(ofBlob).toMatchObject({ weights: { Q8_0: expect.any(Number) } });
      expect(ofBlob!.logits.length).toBe(100 * vocabulary);
      for (const { logits } of [ofBlob!, ofUrl!]) expect(isSame(logits, folder!.logits)).toBe(true);
      expect(widened).toMatchObject({ warnings: ["weights_widened"] });
      expect(cut!.error).toMatchObject({ code: "invalid_checkpoint", message: expect.stringContaining("cut.gguf") });
      expect(none!.error).toMatchObject({ code: "not_found", message: expect.stringContaining("none.gguf") });
      // Engine and text each have theirs, and who inspects.
      const readers = requests.filter((path) => path === "/skein/gguf-worker.js").length;
      expect(readers).toBe(2 * 7 + 2);
    });

    test("a reader that cannot be started is an error, not a wait", async () => {
      const broken = { ...served, "/skein/gguf-worker.js": new Blob(["throw new Error('broken');"]) };
      const { results } = await runTasks(broken, isIsolated, [{ source: "/gguf/q8.gguf", fails: true }]);
      expect(results[0]!.error).toMatchObject({
        code: "worker_failed",
        message: expect.stringMatching(/GGUF.*broken/),
      });
    });
  },
);

test.runIf(chromium !== undefined)(
  "paths are relative to the page, not to the package's scripts (needs a Chromium on the PATH)",
  async () => {
    const inFolder = {
      ...Object.fromEntries(Object.entries(served).map(([path, content]) => [`/app${path}`, content])),
      "/app/page.js": new Blob([pageScript("./skein/index.js", true)]),
      "/app/Qwen/Qwen2-0.5B/": tiny,
    };
    const tasks: readonly PageTask[] = [
      { source: "model", inspect: true, request },
      { source: "gguf/bf16.gguf", inspect: true, request },
      { source: "/app/model/", options: { adapters: { law: "./adapter" } }, request: { ...request, adapter: "law" } },
      { source: "Qwen/Qwen2-0.5B/", request },
      { source: "Qwen/Qwen2-0.5B", fails: true },
    ];
    const asPaths = tasks.map((task) => ({ ...task, asPath: true }));
    const { results, requests } = await runTasks(inFolder, false, asPaths, { path: "/app/index.html" });
    const [folder, gguf, withAdapter, ending, published] = results;
    for (const result of [folder, gguf, ending]) expect(result).toMatchObject({ warnings: [], generated });
    expect(withAdapter).toMatchObject({ warnings: [], generated: adapted });
    expect(published!.error).toMatchObject({
      code: "not_found",
      message: expect.stringContaining("with a slash"),
    });
    expect(requests).toContain("/app/model/config.json");
    expect(requests).not.toContain("/app/skein/model/config.json");
  },
);

test.runIf(chromium !== undefined)(
  "where the page's policy forbids WebAssembly the error says what to allow, and that is enough (needs a Chromium on the PATH)",
  async () => {
    const open = (scripts: string, tasks: readonly PageTask[]): Promise<TasksResult> =>
      runTasks(served, true, tasks, {
        headers: { "content-security-policy": `default-src 'self'; script-src ${scripts}` },
      });
    const forbidden = await open("'self'", [
      { source: "/model/", fails: true },
      { source: "/model/", fails: true, options: { kernels: "plain" } },
    ]);
    for (const { error } of forbidden.results)
      expect(error).toMatchObject({ code: "unsupported", message: expect.stringContaining("'wasm-unsafe-eval'") });
    const allowed = await open("'self' 'wasm-unsafe-eval'", [{ source: "/model/", request }]);
    expect(allowed.results[0]).toMatchObject({ warnings: [], generated });
  },
);

async function logitsInNode(source: ModelSource, options: LoadOptions): Promise<Float32Array> {
  await using model = await loadModel(source, { ...options, context });
  await using session = await model.createSession({ plannedTokens: tokens.length });
  return (await session.append(tokens, { logits: "all" })).logits!;
}

/** Bit by bit. */
function isSame(a: Float32Array, b: Float32Array): boolean {
  return Buffer.from(a.buffer).equals(Buffer.from(b.buffer));
}
