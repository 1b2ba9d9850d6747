import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync, gzipSync } from "node:zlib";
import { build } from "vite";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { kernelVariants } from "../src/backend/wasm/builder/variant.ts";
import { moduleName } from "../src/backend/wasm/variants.ts";
import { startTestHub } from "../src/checkpoint/hub/node/test-hub.ts";
import { type LoadOptions, loadModel } from "../src/index.ts";
import { chromium } from "./browser-page.ts";
import { tinyGguf } from "./gguf-models.ts";
import { folderBytes, type InstalledPackage, installPackage, runAlone, runTool } from "./installed-package.ts";
import { budgets } from "./package-budgets.ts";
import { consumer } from "./package-consumer.ts";
import { pageHtml, pageScript, runTasks } from "./page-tasks.ts";
import { tiny } from "./tiny.ts";

const request = { prompt: "In the beginning", maxTokens: 16, temperature: 0 };

let installed: InstalledPackage;
let root: string;
let expected: { readonly tokens: readonly number[]; readonly text: string };

beforeAll(async () => {
  await using model = await loadModel(tiny);
  const { tokens, text } = await model.generate(request).result();
  expected = { tokens, text };
  installed = await installPackage();
  root = join(installed.project, "node_modules", "skein");
  await writeScripts(installed.project);
});
afterAll(() => installed?.remove());

describe("what is published", () => {
  test("publint and attw find nothing", async () => {
    await runTool("publint", [installed.tarball, "--strict"], installed.project);
    await runTool("attw", [installed.tarball, "--profile", "esm-only"], installed.project);
  });

  test("the build, the embedded model and the licences, and nothing else", async () => {
    const known = ["LICENSE", "NOTICE", "README.md", "README.zh-CN.md", "dist", "models", "package.json"];
    expect((await readdir(root)).filter((name) => !known.includes(name))).toEqual([]);
    expect(await readdir(join(root, "models"))).toEqual(["tiny-qwen2"]);
    expect(await readdir(root)).toEqual(expect.arrayContaining(["LICENSE", "NOTICE"]));
  });

  test("the kernels, assembled, with the same functions for every engine", async () => {
    const folder = join(root, "dist", "browser");
    const names = (await readdir(folder)).filter((name) => name.endsWith(".wasm.gz")).sort();
    expect(names).toEqual(kernelVariants.map(moduleName).sort());
    const modules = await Promise.all(
      names.map(async (name) => WebAssembly.compile(gunzipSync(await readFile(join(folder, name))))),
    );
    const functions = modules.map((module) => WebAssembly.Module.exports(module).map(({ name }) => name));
    expect(functions[0]).toContain("linearQ4Rows");
    for (const others of functions) expect(others).toEqual(functions[0]);
  });

  test.each([
    { name: "the browser's types, and not Node's", types: [], lib: ["dom", "dom.asynciterable"] },
    { name: "those of Node 24, and not the browser's", types: ["node"], lib: [] },
  ])("a TypeScript project with $name compiles against it", async ({ types, lib }) => {
    for (const [module, moduleResolution] of [
      ["nodenext", "nodenext"],
      ["esnext", "bundler"],
    ] as const) {
      const compilerOptions = {
        ...{ module, moduleResolution, strict: true, exactOptionalPropertyTypes: true, noEmit: true, target: "es2024" },
        ...{ types, typeRoots: [installed.types24], lib: ["es2024", "esnext.disposable", ...lib] },
      };
      await writeFile(
        join(installed.project, "tsconfig.json"),
        JSON.stringify({ compilerOptions, files: ["consumer.ts"] }),
      );
      await runTool("tsc", ["-p", "."], installed.project);
    }
  });
});

describe.each(["node24", "node26"] as const)("under plain %s", (name) => {
  const run = (...args: string[]): Promise<string> => runAlone(installed[name], args, installed.project);

  test("is that Node", async () => {
    expect(await run("--version")).toMatch(`v${name.slice(4)}.`);
  });

  test("generates from the embedded model, as the sources do, and the process ends by itself", async () => {
    expect(JSON.parse(await run("generate.js", "dispose"))).toEqual(expected);
  });

  test("ends by itself though nobody disposed the model", async () => {
    expect(JSON.parse(await run("generate.js", "leave"))).toEqual(expected);
  });

  test.each<LoadOptions>([{ threads: 2 }, { kernels: "plain" }])("the same with %o", async (options) => {
    expect(JSON.parse(await run("generate.js", "leave", JSON.stringify(options)))).toEqual(expected);
  });

  test("generates the same from the embedded model as a GGUF file", async () => {
    const path = join(installed.project, "tiny.gguf");
    await writeFile(path, await tinyGguf("BF16"));
    expect(JSON.parse(await run("generate.js", "dispose", "{}", path))).toEqual(expected);
  });

  test("downloads a model of the Hub, and generates the same from it", async () => {
    const hub = await startTestHub();
    try {
      const names = ["config.json", "model.safetensors", "tokenizer.json"];
      const files = await Promise.all(names.map(async (file) => [file, await readFile(join(tiny, file))] as const));
      hub.repositories.set("owner/tiny", { commit: "a".repeat(40), files: Object.fromEntries(files) });
      const home = join(installed.project, `hub-${name}`);
      expect(JSON.parse(await run("hub.js", hub.endpoint, home))).toEqual(expected);
      expect(await readdir(join(home, "hub", "models--owner--tiny", "snapshots", "a".repeat(40)))).toEqual(names);
    } finally {
      await hub.close();
    }
  });

  test.runIf(process.platform === "linux")("a thread more is a thread more of the process", async () => {
    const threads = async (count: number): Promise<number> =>
      Number(await run("threads.js", JSON.stringify({ threads: count })));
    expect((await threads(3)) - (await threads(1))).toBe(2);
  });

  test("skein/position loads nothing but its own code", async () => {
    const { loaded, names } = JSON.parse(await run("import.js", "skein/position")) as Imported;
    expect(names).toEqual(expect.arrayContaining(["resolveRotaryEncoding", "rotaryRows"]));
    expect(loaded.map(({ file }) => file).sort()).toEqual(["chunks/errors.js", "chunks/position.js", "position.js"]);
    expect(totalBytes(loaded)).toBeLessThan(budgets.positionBytes);
  });

  test("a CommonJS file has both by require", async () => {
    expect(JSON.parse(await run("require.cjs"))).toEqual(["function", "function"]);
  });

  test("the errors of skein and of skein/position are the same classes", async () => {
    expect(JSON.parse(await run("errors.js"))).toBe(true);
  });

  test("of an error that nobody catches Node prints the statement that throws it, and not the whole file", async () => {
    const message = await run("uncaught.js").catch((error: Error) => error.message);
    expect(message).toContain("SkeinError: no-such-name: there is no such folder");
    expect(message).toMatch(/dist.chunks.[\w-]+\.js:\d+\n\s*(return|throw) new SkeinError\(/);
    expect(Math.max(...message.split("\n").map((line) => line.length))).toBeLessThan(600);
  });

  test("skein runs", async () => {
    const bin = join(installed.project, "node_modules", ".bin", "skein");
    expect((await run(bin, "--version")).trim()).toBe(
      JSON.parse(await readFile(join(root, "package.json"), "utf8")).version,
    );
    if (name === "node26") return;
    const written = ["quantize", tiny, join(installed.project, "written.gguf"), "--type", "q4_0", "--json"];
    expect(JSON.parse(await run(bin, ...written))).toMatchObject({ tensors: { Q4_0: 28, Q8_0: 1, F32: 21 } });
    // Charts of all kinds: of the packages that draw them, what is never called is left out.
    const page = join(installed.project, "report.html");
    await run(bin, "evaluate", "--lengths", "0.5x,2x", "--samples", "2", "--report", page);
    expect(await readFile(page, "utf8")).toMatch(/<svg[^>]*en-wavelengths-4-title.*<\/html>\n$/s);
    const { rows } = JSON.parse(await run(bin, "demo", "--json")) as { rows: { method: string; correct: boolean }[] };
    expect(rows.find(({ method }) => method === "yarn-dynamic")).toMatchObject({ correct: true, factor: 4 });
  });
});

describe("in a browser", () => {
  const inBrowser = test.runIf(chromium !== undefined);

  test("a bundler makes a page and its workers of it", async () => {
    const assets = await bundlePage();
    expect(assets.map(({ name }) => name.replace(/-.{8}(\.\w+)$/, "$1")).sort()).toEqual([
      "engine-worker.js",
      "gguf-worker.js",
      "index.js",
      "kernels-pairs.wasm.gz",
      "kernels-plain.wasm.gz",
      "kernels-relaxed.wasm.gz",
      "template-worker.js",
      "text-worker.js",
    ]);
    const scripts = assets.filter(({ name }) => name.endsWith(".js") && !fetchedLater(name));
    // A page loads one of them.
    const kernels = assets.filter(({ name }) => name.endsWith(".gz"));
    const ofKernels = Math.max(...kernels.map(({ bytes }) => bytes.length)); // compressed already
    const size = (of: (bytes: Uint8Array) => number): number => sum(scripts.map(({ bytes }) => of(bytes))) + ofKernels;
    const sizes = { bytes: size((bytes) => bytes.length), gzip: size((bytes) => gzipSync(bytes).length) };
    console.info(`a page that loads a model: ${sizes.bytes} bytes of scripts and kernels, ${sizes.gzip} compressed`);
    expect(sizes.bytes).toBeLessThan(budgets.browserBytes);
    expect(sizes.gzip).toBeLessThan(budgets.browserGzipBytes);
  });

  // Without a bundler: see browser.test.ts.
  inBrowser.each([true, false])(
    "the bundled page generates what Node does, cross-origin isolated: %s (needs a Chromium on the PATH)",
    async (isIsolated) => {
      await bundlePage();
      const { results, requests } = await runTasks(
        { "/": join(installed.project, "bundled"), "/model/": tiny },
        isIsolated,
        [{ source: "/model/", request, options: { threads: 2 } }],
      );
      expect(results[0]).toMatchObject({ warnings: isIsolated ? [] : ["threads"], generated: expected });
      expect(requests.filter((path) => path.includes("engine-worker")).length).toBe(isIsolated ? 2 : 1);
      expect(requests.filter(fetchedLater)).toEqual([]);
      const gguf = new Blob([await tinyGguf("BF16")]);
      const read = await runTasks(
        { "/": join(installed.project, "bundled"), "/tiny.gguf": gguf },
        isIsolated,
        [true, false].map((asBlob) => ({ source: "/tiny.gguf", asBlob, request })),
      );
      for (const result of read.results) expect(result).toMatchObject({ warnings: [], generated: expected });
    },
  );
});

describe("what it costs", () => {
  test("on the disk", async () => {
    const modules = join(installed.project, "node_modules");
    const all = await folderBytes(modules);
    const model = await folderBytes(join(root, "models"));
    const packages = Object.keys(JSON.parse(await readFile(join(modules, ".package-lock.json"), "utf8")).packages);
    console.info(`installed: ${all} bytes, ${model} of them the embedded model; ${packages.join(", ")}`);
    expect(all).toBeLessThan(budgets.installedBytes);
    expect(all - model).toBeLessThan(budgets.installedBytesWithoutModel);
    expect(packages.length - 1).toBeLessThanOrEqual(budgets.installedPackages);
  });

  test("to import", async () => {
    const run = async (script: string): Promise<string> =>
      runAlone(installed.node26, [script, "skein"], installed.project);
    const { loaded } = JSON.parse(await run("import.js")) as Imported;
    const files = loaded.filter(({ file }) => !file.startsWith("node:"));
    let milliseconds = Number.POSITIVE_INFINITY;
    for (let i = 0; i < 5; i++) milliseconds = Math.min(milliseconds, Number(await run("time.js")));
    console.info(`import "skein": ${files.length} files, ${totalBytes(files)} bytes, ${milliseconds.toFixed(1)} ms`);
    expect(files.length).toBeLessThanOrEqual(budgets.importedFiles);
    expect(totalBytes(files)).toBeLessThan(budgets.importedBytes);
    expect(milliseconds).toBeLessThan(budgets.importMilliseconds);
  });
});

/** Whether a script is fetched when somebody needs what it does, not with a model. */
const fetchedLater = (path: string): boolean => /(gguf|template)-worker/.test(path);

/** What import.js tells. */
interface Imported {
  readonly names: readonly string[];
  /** Files below the package's `dist`, in the order in which they were loaded; others by their URL. */
  readonly loaded: readonly { readonly file: string; readonly bytes: number }[];
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0);
const totalBytes = (loaded: Imported["loaded"]): number => sum(loaded.map(({ bytes }) => bytes));

async function writeScripts(project: string): Promise<void> {
  const own = 'new URL("models/tiny-qwen2/", import.meta.resolve("skein/package.json"))';
  const load = `loadModel(process.argv[4] ?? ${own}, options)`;
  const files: Readonly<Record<string, string>> = {
    "generate.js": `import { loadModel } from "skein";
      const options = JSON.parse(process.argv[3] ?? "{}");
      const model = await ${load};
      const { tokens, text } = await model.generate(${JSON.stringify(request)}).result();
      if (process.argv[2] === "dispose") await model.dispose();
      console.log(JSON.stringify({ tokens, text }));`,
    "hub.js": `const [, , HF_ENDPOINT, HF_HOME] = process.argv;
      Object.assign(process.env, { HF_ENDPOINT, HF_HOME });
      const { loadModel } = await import("skein");
      await using model = await loadModel("owner/tiny", { download: true });
      const { tokens, text } = await model.generate(${JSON.stringify(request)}).result();
      console.log(JSON.stringify({ tokens, text }));`,
    "threads.js": `import { readdirSync } from "node:fs";
      import { loadModel } from "skein";
      const options = JSON.parse(process.argv[2]);
      await loadModel(${own}, options);
      console.log(readdirSync("/proc/self/task").length);`,
    "import.js": `import { registerHooks } from "node:module";
      const loaded = [];
      registerHooks({
        load(url, context, next) {
          const result = next(url, context);
          loaded.push({ file: url.replace(/^.*\\/skein\\/dist\\//, ""), bytes: result.source?.length ?? 0 });
          return result;
        },
      });
      const names = Object.keys(await import(process.argv[2]));
      console.log(JSON.stringify({ names, loaded }));`,
    "time.js": `const begin = performance.now();
      await import(process.argv[2]);
      console.log(performance.now() - begin);`,
    "errors.js": `import { InvalidConfigError } from "skein";
      import * as position from "skein/position";
      console.log(position.InvalidConfigError === InvalidConfigError);`,
    "uncaught.js": `import { inspectModel } from "skein";
      await inspectModel("no-such-name");`,
    "require.cjs": `const [{ loadModel }, { rotaryRows }] = [require("skein"), require("skein/position")];
      console.log(JSON.stringify([typeof loadModel, typeof rotaryRows]));`,
    "consumer.ts": consumer,
    "index.html": pageHtml,
    "page.js": pageScript("skein"),
  };
  for (const [name, content] of Object.entries(files)) await writeFile(join(project, name), content);
}

/** @returns what a page may load besides its text */
async function bundlePage(): Promise<{ readonly name: string; readonly bytes: Uint8Array }[]> {
  const outDir = join(installed.project, "bundled");
  await build({ root: installed.project, configFile: false, logLevel: "error", build: { outDir, emptyOutDir: true } });
  const names = await readdir(join(outDir, "assets"));
  return Promise.all(names.map(async (name) => ({ name, bytes: await readFile(join(outDir, "assets", name)) })));
}
