import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { randomBytes, startTestHub, type TestHub } from "../src/checkpoint/hub/node/test-hub.ts";
import {
  type DownloadPlan,
  inspectAdapter,
  inspectModel,
  listHubModels,
  loadModel,
  mergeAdapter,
  type Progress,
  pullModel,
  quantizeModel,
  removeHubModel,
  type Warning,
} from "../src/index.ts";
import { randomAdapter } from "./adapter-models.ts";
import { tinyGguf, tinyGgufParts } from "./gguf-models.ts";
import { tiny } from "./tiny.ts";

const main = fileURLToPath(new URL("../src/cli/main.ts", import.meta.url));
const commit = "0123456789abcdef0123456789abcdef01234567";
const request = { prompt: "In the beginning", maxTokens: 4, temperature: 0 };

let hub: TestHub;
let folder: string;
let environment: Record<string, string>;
const before = { environment: { ...process.env }, folder: process.cwd() };

beforeAll(async () => {
  hub = await startTestHub();
  const names = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json", "README.md"];
  const files = await Promise.all(names.map(async (name) => [name, new Uint8Array(await readFile(join(tiny, name)))]));
  hub.repositories.set("owner/tiny", { commit, files: Object.fromEntries(files) });
  hub.repositories.set("owner/tiny-GGUF", {
    commit,
    files: { "tiny-Q8_0.gguf": await tinyGguf("Q8_0"), "tiny-F16.gguf": await tinyGguf("F16") },
  });
  hub.repositories.set("owner/large", {
    commit,
    files: { "config.json": "{}", "model.safetensors": randomBytes(5_000_000) },
  });
});
afterAll(() => hub.close());

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-hub-"));
  environment = {
    HF_ENDPOINT: hub.endpoint,
    HF_HOME: join(folder, "hf"),
    HF_HUB_CACHE: "",
    HF_HUB_OFFLINE: "0",
    HF_TOKEN: "",
  };
  Object.assign(process.env, environment);
});
afterEach(async () => {
  for (const name of Object.keys(environment)) delete process.env[name];
  Object.assign(process.env, before.environment);
  process.chdir(before.folder);
  hub.intercept = undefined;
  hub.requests.length = 0;
  await rm(folder, { recursive: true });
});

const snapshot = (repository: string) =>
  join(folder, "hf", "hub", `models--${repository.replace("/", "--")}`, "snapshots", commit);

describe("in a program", () => {
  test("nothing is downloaded unless it is asked for; then its size is told first, and the next time nothing is requested", async () => {
    await expect(loadModel("owner/tiny")).rejects.toMatchObject({
      name: "HubError",
      code: "not_cached",
      message: expect.stringMatching(
        /^owner\/tiny: there is no such folder or file, .*skein pull owner\/tiny, or download: true/,
      ),
    });
    await expect(loadModel("owner/tiny", { download: () => false })).rejects.toMatchObject({ code: "not_cached" });
    expect(hub.downloads()).toEqual([]);

    const plans: DownloadPlan[] = [];
    const phases: Progress[] = [];
    await using model = await loadModel("owner/tiny", {
      download: (plan) => {
        expect(hub.downloads()).toEqual([]);
        plans.push(plan);
        return true;
      },
      onProgress: (progress) => phases.push(progress),
    });
    expect(plans[0]).toMatchObject({ id: "owner/tiny", commit, bytes: plans[0]!.missingBytes });
    expect([...new Set(phases.map(({ phase }) => phase))]).toEqual(["download", "load"]);
    const { tokens } = await model.generate(request).result();
    hub.requests.length = 0;
    await using again = await loadModel("owner/tiny@main");
    expect((await again.generate(request).result()).tokens).toEqual(tokens);
    await using local = await loadModel(tiny);
    expect((await local.generate(request).result()).tokens).toEqual(tokens);
    expect(hub.requests).toEqual([]);
  });

  test("a folder of this name wins over the id", async () => {
    await mkdir(join(folder, "owner"));
    await symlink(tiny, join(folder, "owner", "tiny"));
    process.chdir(folder);
    await using model = await loadModel("owner/tiny", { download: true });
    expect(model.context.nativeWindow).toBe(256);
    expect(hub.requests).toEqual([]);
  });

  test("a name that neither the disk nor the Hub has: both are said", async () => {
    await expect(loadModel("models/tiny-qwen3", { download: true })).rejects.toMatchObject({
      code: "not_found",
      message: expect.stringMatching(/no such repository.*There is no folder or file models\/tiny-qwen3 either$/),
    });
  });

  test.each(["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])("%s is named where it forbids what is needed", async (name) => {
    Object.assign(process.env, { HF_HUB_OFFLINE: "", [name]: "on" });
    try {
      await expect(pullModel("owner/tiny")).rejects.toThrow(`which ${name} forbids`);
      await expect(loadModel("owner/tiny", { download: true })).rejects.toThrow(`${name} forbids downloading it`);
    } finally {
      delete process.env.TRANSFORMERS_OFFLINE;
    }
  });

  test("one of several GGUF files", async () => {
    await expect(loadModel("owner/tiny-GGUF", { download: true })).rejects.toThrow(
      /choose one of: owner\/tiny-GGUF:F16, owner\/tiny-GGUF:Q8_0$/,
    );
    await using model = await loadModel("owner/tiny-GGUF:q8_0", { download: true });
    expect((await model.generate(request).result()).tokens.length).toBe(4);
    expect(await readdir(snapshot("owner/tiny-GGUF"))).toEqual(["tiny-Q8_0.gguf"]);
  });

  test("a GGUF model that was split, in a folder of its repository", async () => {
    const parts = await tinyGgufParts("Q8_0", 2);
    const files = Object.fromEntries(parts.map((part, i) => [`Q8_0/m-Q8_0-0000${i + 1}-of-00002.gguf`, part]));
    hub.repositories.set("owner/split", { commit, files });
    await using model = await loadModel("owner/split:Q8_0", { download: true });
    await using whole = await loadModel({ "m.gguf": new Blob([await tinyGguf("Q8_0")]) });
    const { tokens } = await model.generate(request).result();
    expect(tokens).toEqual((await whole.generate(request).result()).tokens);
  });

  test("a GGUF file in the cache is not taken for the safetensors files that a name without a choice means", async () => {
    const { files } = hub.repositories.get("owner/tiny")!;
    hub.repositories.set("owner/both", { commit, files: { ...files, "tiny-Q8_0.gguf": await tinyGguf("Q8_0") } });
    await pullModel("owner/both:Q8_0");
    const warnings: Warning[] = [];
    const onWarning = (warning: Warning) => void warnings.push(warning);
    await using cached = await loadModel("owner/both", { onWarning });
    expect(cached.context.nativeWindow).toBe(256);
    const said = {
      code: "hub_not_reached",
      message: expect.stringMatching(/owner\/both\/tiny-Q8_0\.gguf means this file$/),
    };
    expect(warnings).toContainEqual(said);
    await using chosen = await loadModel("owner/both:Q8_0", { download: true, onWarning });
    expect(chosen.context.nativeWindow).toBe(256);
    await using model = await loadModel("owner/both", { download: true, onWarning });
    await using local = await loadModel(tiny);
    const { tokens } = await local.generate(request).result();
    expect((await model.generate(request).result()).tokens).toEqual(tokens);
    expect(await readdir(snapshot("owner/both"))).toContain("model.safetensors");
    expect(warnings.filter(({ code }) => code === "hub_not_reached").length).toBe(1);

    hub.repositories.set("owner/only", { commit, files: { "tiny-Q8_0.gguf": await tinyGguf("Q8_0") } });
    await pullModel("owner/only:Q8_0");
    hub.requests.length = 0;
    await using only = await loadModel("owner/only", { download: true, onWarning });
    expect(only.context.nativeWindow).toBe(256);
    expect(hub.requests).toEqual([]);
    expect(warnings.filter(({ code }) => code === "hub_not_reached").length).toBe(1);
  });

  test("of many GGUF files one that Python downloaded is the model of the name: the Hub is asked once, and nothing is in doubt", async () => {
    await pullModel("owner/tiny-GGUF:Q8_0");
    await rm(join(folder, "hf", "hub", "models--owner--tiny-GGUF", ".no_exist"), { recursive: true });
    const warnings: string[] = [];
    const onWarning = ({ code }: Warning) => void warnings.push(code);
    await using first = await loadModel("owner/tiny-GGUF", { download: true, onWarning });
    expect(first.context.nativeWindow).toBe(256);
    hub.requests.length = 0;
    await using second = await loadModel("owner/tiny-GGUF", { download: true, onWarning });
    expect(second.context.nativeWindow).toBe(256);
    expect(hub.requests).toEqual([]);
    expect(warnings).not.toContain("hub_not_reached");
    expect(await readdir(snapshot("owner/tiny-GGUF"))).toEqual(["tiny-Q8_0.gguf"]);
  });

  test("a choice that nobody made leaves nothing in a cache that has nothing of the repository", async () => {
    await expect(pullModel("owner/tiny-GGUF")).rejects.toMatchObject({ code: "not_found" });
    expect(existsSync(join(folder, "hf"))).toBe(false);
  });

  test("inspecting and loading mean the same files by a name, whatever GGUF file is cached", async () => {
    const { files } = hub.repositories.get("owner/tiny")!;
    hub.repositories.set("owner/both", { commit, files: { ...files, "tiny-Q8_0.gguf": await tinyGguf("Q8_0") } });
    await pullModel("owner/both:Q8_0");
    expect(await inspectModel("owner/both")).toMatchObject({ format: "checkpoint", hub: { gguf: [] } });
    expect(await inspectModel("owner/both:Q8_0")).toMatchObject({ format: "gguf" });
    const cached = { format: "gguf", hub: { gguf: ["tiny-Q8_0.gguf"] } };
    process.env.HF_ENDPOINT = "http://127.0.0.1:9";
    expect(await inspectModel("owner/both")).toMatchObject(cached);
    process.env.HF_HUB_OFFLINE = "1";
    expect(await inspectModel("owner/both")).toMatchObject(cached);
  });

  test("an adapter, and the sources of quantizeModel and mergeAdapter", async () => {
    const { files } = randomAdapter(3);
    const bytes = async (name: string) => new Uint8Array(await files[name]!.arrayBuffer());
    const [config, weights] = ["adapter_config.json", "adapter_model.safetensors"];
    hub.repositories.set("owner/lora", {
      commit,
      files: {
        "README.md": "x",
        [config!]: await bytes(config!),
        [weights!]: await bytes(weights!),
        "skein.json": '{"window": 1000}',
      },
    });
    await using local = await loadModel(tiny, { adapters: { own: files } });
    await using model = await loadModel(tiny, { adapters: { own: "owner/lora" }, download: true });
    const { tokens } = await model.generate({ ...request, adapter: "own" }).result();
    expect(tokens).toEqual((await local.generate({ ...request, adapter: "own" }).result()).tokens);
    expect((await readdir(snapshot("owner/lora"))).sort()).toEqual([config, weights, "skein.json"]);
    expect(model.adapters.get("own")?.context.nativeWindow).toBe(1000);
    await model.loadAdapter("again", { source: "owner/lora" });

    // As axolotl, for one, leaves it.
    const trained = { [config!]: await bytes(config!), [weights!]: await bytes(weights!), "config.json": "{}" };
    hub.repositories.set("owner/trained", { commit, files: trained });
    await model.loadAdapter("trained", "owner/trained", { download: true });
    expect((await readdir(snapshot("owner/trained"))).sort()).toEqual([config, weights, "config.json"]);
    hub.requests.length = 0;
    await model.loadAdapter("trained again", "owner/trained", { download: true });
    expect(hub.requests).toEqual([]);

    const path = join(folder, "tiny.gguf");
    await expect(quantizeModel("owner/tiny", path, { type: "f16" })).rejects.toMatchObject({ code: "not_cached" });
    await quantizeModel("owner/tiny", path, { type: "f16", download: true });
    expect((await stat(path)).size).toBeGreaterThan(1_000_000);

    const merged = await mergeAdapter("owner/tiny", "owner/lora", join(folder, "merged"));
    expect(await readdir(merged.folder)).toContain("model.safetensors");
    await expect(mergeAdapter("owner/tiny", "owner/none", join(folder, "other"))).rejects.toMatchObject({
      code: "not_cached",
    });
  });

  test("inspecting downloads nothing to be kept, and prefers what is cached", async () => {
    expect(await inspectModel("owner/tiny")).toMatchObject({
      name: "owner/tiny",
      origin: "checkpoint",
      hub: { repository: "owner/tiny", revision: "main", gguf: [] },
      context: { nativeWindow: 256 },
    });
    const gguf = { repository: "owner/tiny-GGUF", revision: "main", gguf: ["tiny-F16.gguf"] };
    expect(await inspectModel("owner/tiny-GGUF:F16")).toMatchObject({ hub: gguf, context: { nativeWindow: 256 } });
    const tinyFiles = hub.repositories.get("owner/tiny")!.files;
    const [config, q8] = [{ "config.json": tinyFiles["config.json"]! }, { "tiny-Q8_0.gguf": await tinyGguf("Q8_0") }];
    hub.repositories.set("owner/beside", { commit, files: { ...config, ...q8 } });
    expect(await inspectModel("owner/beside")).toMatchObject({ format: "gguf", context: { nativeWindow: 256 } });
    const several = { ...config, ...q8, "tiny-F16.gguf": await tinyGguf("F16") };
    hub.repositories.set("owner/several", { commit, files: several });
    expect(await inspectModel("owner/several")).toMatchObject({ format: "checkpoint", weights: null });
    hub.repositories.set("owner/both", { commit, files: { ...tinyFiles, ...q8 } });
    expect(await inspectModel("owner/both")).toMatchObject({ format: "checkpoint", weights: { files: 1 } });
    hub.repositories.set("owner/bare", { commit, files: config });
    expect(await inspectModel("owner/bare")).toMatchObject({ format: "checkpoint", weights: null });
    const { files } = randomAdapter(3);
    const bytes = await Promise.all(
      Object.entries(files).map(async ([name, file]) => [name, new Uint8Array(await file.arrayBuffer())]),
    );
    hub.repositories.set("owner/lora", { commit, files: Object.fromEntries(bytes) });
    await expect(inspectModel("owner/lora")).rejects.toMatchObject({ code: "adapter_without_base" });
    expect(await inspectAdapter("owner/lora")).toMatchObject({ source: "owner/lora", rule: { rank: 8 }, warnings: [] });
    const { adapters } = await inspectModel("owner/tiny", { adapters: { own: "owner/lora" } });
    expect(adapters).toMatchObject([{ name: "own", fits: true }]);
    expect(existsSync(join(folder, "hf"))).toBe(false);
    const read = hub.downloads().length;
    expect(read).toBeGreaterThan(0);
    expect(hub.downloads().every(({ range }) => range !== undefined)).toBe(true);
    await pullModel("owner/tiny");
    hub.requests.length = 0;
    expect(await inspectModel("owner/tiny@main")).toMatchObject({
      weights: { files: 1 },
      hub: { repository: "owner/tiny", revision: "main", gguf: [] },
    });
    expect(await inspectModel("qwen/Qwen2-7B")).toMatchObject({
      origin: "published",
      hub: { repository: "Qwen/Qwen2-7B", revision: "main", gguf: [] },
    });
    expect(hub.requests).toEqual([]);
  });

  test("when the Hub cannot be asked, a model that Python downloaded is used as it is, with a warning", async () => {
    await pullModel("owner/tiny");
    await rm(join(folder, "hf", "hub", "models--owner--tiny", ".no_exist"), { recursive: true });
    process.env.HF_ENDPOINT = "http://127.0.0.1:9";
    const warnings: string[] = [];
    await using model = await loadModel("owner/tiny", { download: true, onWarning: ({ code }) => warnings.push(code) });
    expect(model.context.nativeWindow).toBe(256);
    expect(warnings).toContain("hub_not_reached");
    expect(model.warnings.map(({ code }) => code)).toEqual(warnings);
    // It was found: that there is no such folder is not what is the matter.
    const { message } = model.warnings.find(({ code }) => code === "hub_not_reached")!;
    expect(message).toMatch(/^owner\/tiny: the Hub did not give .*127\.0\.0\.1.*; what is there is used$/);
    expect(message).not.toContain("There is no folder");
    await using quiet = await loadModel("owner/tiny", { onWarning: ({ code }) => warnings.push(code) });
    expect(quiet.warnings).toEqual([]);
    expect(warnings.filter((code) => code === "hub_not_reached").length).toBe(1);
  });

  test("when the Hub cannot be asked for an adapter that is loaded later, its model's listener is told", async () => {
    const files = Object.entries(randomAdapter(3).files).map(
      async ([name, file]) => [name, new Uint8Array(await file.arrayBuffer())] as const,
    );
    hub.repositories.set("owner/lora", { commit, files: Object.fromEntries(await Promise.all(files)) });
    await pullModel("owner/lora");
    await rm(join(folder, "hf", "hub", "models--owner--lora", ".no_exist"), { recursive: true });
    process.env.HF_ENDPOINT = "http://127.0.0.1:9";
    const warnings: string[] = [];
    await using model = await loadModel(tiny, { onWarning: ({ code }) => warnings.push(code) });
    await model.loadAdapter("law", "owner/lora", { download: true });
    expect(model.adapters.get("law")?.modules).toBeGreaterThan(0);
    expect(warnings).toEqual(["hub_not_reached"]);
  });

  test("what the cache lacks of a model is completed at its own commit, also when there is a newer one", async () => {
    await pullModel("owner/tiny");
    const folderOfModel = join(folder, "hf", "hub", "models--owner--tiny");
    await rm(join(folderOfModel, ".no_exist"), { recursive: true });
    await rm(join(snapshot("owner/tiny"), "tokenizer_config.json"));
    hub.requests.length = 0;
    await using without = await loadModel("owner/tiny", { download: () => false });
    expect(without.warnings).toEqual([]);
    await using model = await loadModel("owner/tiny", { download: true });
    expect(model.context.nativeWindow).toBe(256);
    expect(hub.requests.every(({ path }) => !path.includes("main"))).toBe(true);
    expect(await readdir(snapshot("owner/tiny"))).toContain("tokenizer_config.json");

    await rm(join(folderOfModel, ".no_exist"), { recursive: true });
    const { files } = hub.repositories.get("owner/tiny")!;
    hub.repositories.set("owner/tiny", { commit: "f".repeat(40), files });
    const warnings: string[] = [];
    await using old = await loadModel("owner/tiny", { download: true, onWarning: ({ code }) => warnings.push(code) });
    hub.repositories.set("owner/tiny", { commit, files });
    expect(old.context.nativeWindow).toBe(256);
    expect(warnings).toContain("hub_not_reached");
    expect(await readdir(join(folderOfModel, "snapshots"))).toEqual([commit]);
  });

  test("the cache is listed and cleared", async () => {
    await pullModel("owner/tiny");
    expect((await listHubModels()).models.map(({ repository }) => repository)).toEqual(["owner/tiny"]);
    expect(await removeHubModel("owner/tiny")).toMatchObject({ files: 4 });
    expect((await listHubModels()).models).toEqual([]);
    await expect(removeHubModel("../tiny")).rejects.toMatchObject({ code: "invalid_option" });
    await expect(pullModel("owner/tiny", { onPlan: 7 as never })).rejects.toMatchObject({ option: "onPlan" });
    await expect(loadModel("owner/tiny", { download: 7 as never })).rejects.toMatchObject({ option: "download" });
  });
});

describe("on the command line", () => {
  interface Outcome {
    readonly code: number | null;
    readonly stdout: string;
    readonly stderr: string;
  }

  function start(...args: string[]): ChildProcessWithoutNullStreams {
    return spawn(process.execPath, [main, ...args], { env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined } });
  }

  async function finish(child: ChildProcessWithoutNullStreams): Promise<Outcome> {
    const texts = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) {
      child[name].setEncoding("utf8").on("data", (text: string) => {
        texts[name] += text;
      });
    }
    child.stdin.end();
    return { code: await new Promise((resolve) => child.on("close", resolve)), ...texts };
  }

  const skein = (...args: string[]): Promise<Outcome> => finish(start(...args));

  /** The storage sends so many bytes of a file, and then nothing. */
  function standStillAfter(length: number): void {
    hub.intercept = ({ at, path }, request, response) => {
      const bytes = hub.repositories.get("owner/large")!.files["model.safetensors"] as Uint8Array;
      if (at !== "storage" || request.headers.range !== undefined || !path.includes("signature")) return false;
      response.writeHead(200, { "content-length": bytes.length }).write(bytes.slice(0, length));
      return true;
    };
  }

  async function waitForPart(length: number): Promise<string> {
    const blobs = join(folder, "hf", "hub", "models--owner--large", "blobs");
    for (;;) {
      const part = (await readdir(blobs).catch(() => [])).find((name) => name.endsWith(".incomplete"));
      if (part !== undefined && (await stat(join(blobs, part))).size === length) return join(blobs, part);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  test("pull, list, remove; the size first, the path to stdout", async () => {
    const pulled = await skein("pull", "owner/tiny-GGUF", "--quant", "Q8_0");
    const path = join(snapshot("owner/tiny-GGUF"), "tiny-Q8_0.gguf");
    expect(pulled).toMatchObject({ code: 0, stdout: `${path}\n` });
    expect(pulled.stderr).toMatch(
      /^owner\/tiny-GGUF:Q8_0 \(commit 01234567\): 1 file, .* KiB; downloading from 127\.0\.0\.1:\d+\n$/,
    );
    const json = JSON.parse((await skein("pull", "owner/tiny-GGUF", "--file", "tiny-Q8_0.gguf", "--json")).stdout);
    expect(json).toMatchObject({ id: "owner/tiny-GGUF/tiny-Q8_0.gguf", path });
    expect((await skein("list")).stdout).toMatch(/^model .*\nowner\/tiny-GGUF +01234567 +1 .*\n\n.* in .*hf\/hub\.\n$/);
    expect(JSON.parse((await skein("list", "--json")).stdout)).toMatchObject({
      models: [{ repository: "owner/tiny-GGUF" }],
    });
    expect((await skein("remove", "owner/tiny-GGUF:Q8_0")).stdout).toMatch(/^Removed 1 file, .* KiB\.\n$/);
    expect(await skein("remove", "owner/tiny-GGUF:Q8_0", "--json")).toMatchObject({
      code: 1,
      stdout: expect.stringContaining('"code":"not_cached"'),
    });
    expect((await skein("list")).stdout).toMatch(/^There are no models in .*; skein pull downloads one\.\n$/);
    expect(await skein("pull", "../owner")).toMatchObject({ code: 2 });
    expect(await skein("pull", "owner/tiny", "--file", "a.gguf", "--quant", "b")).toMatchObject({ code: 2 });
  });

  test("generate downloads what it is given the id of, once", async () => {
    const args = ["generate", "owner/tiny", "--prompt", "In the beginning", "--max-tokens", "4", "--temperature", "0"];
    const first = await skein(...args);
    expect(first.code).toBe(0);
    expect(first.stderr).toMatch(/^owner\/tiny \(commit 01234567\): 4 files, .* MiB; downloading from /);
    hub.requests.length = 0;
    process.env.HF_HUB_OFFLINE = "1";
    const second = await skein(...args);
    expect([second.code, second.stdout]).toEqual([0, first.stdout]);
    expect(second.stderr).not.toContain("downloading");
    expect(hub.requests).toEqual([]);
    expect((await skein("generate", "owner/none", "--prompt", "x")).stderr).toMatch(
      /owner\/none: there is no such folder or file, .*HF_HUB_OFFLINE forbids downloading it/,
    );
    expect((await skein("pull", "owner/tiny")).stderr).toMatch(/HF_HUB_OFFLINE forbids/);
  });

  test("two processes at the same time: one downloads, both have it", async () => {
    standStillAfter(1_000_000);
    const first = start("pull", "owner/large");
    const firstOutcome = finish(first);
    await waitForPart(1_000_000);
    const second = skein("pull", "owner/large");
    await new Promise((resolve) => setTimeout(resolve, 1500));
    expect(hub.downloads().length).toBe(1);
    // The first one is killed without a chance to say so; the second one goes on from where it was.
    first.kill("SIGKILL");
    expect((await firstOutcome).code).toBeNull();
    expect((await second).code).toBe(0);
    expect(hub.downloads().map(({ range }) => range)).toEqual([undefined, "bytes=1000000-"]);
    const { files } = hub.repositories.get("owner/large")!;
    expect(new Uint8Array(await readFile(join(snapshot("owner/large"), "model.safetensors")))).toEqual(
      files["model.safetensors"],
    );
  });

  test("Ctrl-C keeps what is there, and the next pull says how much is left", async () => {
    standStillAfter(1_000_000);
    const child = start("pull", "owner/large");
    const outcome = finish(child);
    const part = await waitForPart(1_000_000);
    child.kill("SIGINT");
    expect(await outcome).toMatchObject({ code: 130, stdout: "", stderr: expect.stringMatching(/interrupted\n$/) });
    expect((await stat(part)).size).toBe(1_000_000);
    expect(await readdir(join(folder, "hf", "hub", ".locks", "models--owner--large"))).toEqual([]);
    expect((await skein("list")).stdout).toMatch(/owner\/large: 976.6 KiB of a download that is not complete/);
    hub.intercept = undefined;
    expect((await skein("pull", "owner/large")).stderr).toMatch(
      /4\.768 MiB, 3\.815 MiB of it still to come; downloading/,
    );
  });
});
