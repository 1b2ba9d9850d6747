import { spawn } from "node:child_process";
import { access, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openDirectory } from "../src/checkpoint/node/directory.ts";
import { ranged, serve } from "../src/checkpoint/node/test-server.ts";
import { openTensors } from "../src/checkpoint/tensors.ts";
import { inspectModel, loadModel, type Model, mergeAdapter, type Progress } from "../src/index.ts";
import { mergedByHand, randomAdapter, type TestAdapter } from "./adapter-models.ts";
import { tinyGguf } from "./gguf-models.ts";
import { largestDifference } from "./logits-fixtures.ts";
import { logitsOf, writeSafetensors } from "./quantised-models.ts";
import { someTokens, tiny } from "./tiny.ts";

let folder: string;
const adapter = randomAdapter(7);
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-merge-"));
});
afterAll(() => rm(folder, { recursive: true }));

/** The embedded model in float32, in two files. */
async function shardedBase(name: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  const files = await openDirectory(tiny);
  const index = await openTensors(files);
  const weight_map: Record<string, string> = {};
  for (const [i, half] of [index.names.slice(0, 20), index.names.slice(20)].entries()) {
    const shard = `model-0000${i + 1}-of-00002.safetensors`;
    const tensors = new Map<string, { shape: readonly number[]; data: Float32Array<ArrayBuffer> }>();
    for (const tensor of half) {
      tensors.set(tensor, { shape: index.entry(tensor)!.shape, data: await index.readFloat32(tensor) });
      weight_map[tensor] = shard;
    }
    await writeFile(join(path, shard), Buffer.from(await new Blob(writeSafetensors(tensors)).arrayBuffer()));
  }
  await files.close();
  await writeFile(join(path, "model.safetensors.index.json"), JSON.stringify({ metadata: {}, weight_map }));
  for (const file of ["config.json", "tokenizer.json", "tokenizer_config.json", "LICENSE"])
    await writeFile(join(path, file), await readFile(join(tiny, file)));
  await writeFile(join(path, "notes.md"), "not a part of it");
  return path;
}

async function tensorsOf(path: string) {
  const files = await openDirectory(path);
  const index = await openTensors(files);
  return { files, index };
}

const readConfig = async (path: string) => JSON.parse(await readFile(join(path, "config.json"), "utf8"));
const exists = (path: string) =>
  access(path).then(
    () => true,
    () => false,
  );

test("every merged weight is the nearest that its type has, and all else is as it was", async () => {
  const path = join(folder, "bf16");
  const seen: Progress[] = [];
  const merged = await mergeAdapter(tiny, adapter.files, path, { onProgress: (progress) => seen.push(progress) });
  expect(merged).toMatchObject({ folder: path, modules: 28, warnings: [] });
  expect(seen.at(-1)).toEqual({ phase: "merge", completed: merged.bytes, total: merged.bytes });
  expect((await readdir(path)).sort()).toEqual(
    ["LICENSE", "config.json", "haystack.txt", "model.safetensors", "tokenizer.json", "tokenizer_config.json"].sort(),
  );
  expect(await readFile(join(path, "config.json"), "utf8")).toBe(await readFile(join(tiny, "config.json"), "utf8"));
  const [before, after] = [await tensorsOf(tiny), await tensorsOf(path)];
  expect(after.index.names).toEqual(before.index.names);
  const exact = await mergedByHand(adapter);
  const hand = await openBlobTensors(exact);
  let [changed, odd] = [0, 0];
  for (const name of before.index.names) {
    expect(after.index.entry(name)).toMatchObject({ dtype: "BF16", shape: before.index.entry(name)!.shape });
    if (!adapter.matrices.has(name.replace(/\.weight$/, ""))) {
      expect(await after.index.readBytes(name)).toEqual(await before.index.readBytes(name));
      continue;
    }
    changed++;
    const [got, sums] = [await after.index.readFloat32(name), await hand.readFloat32(name)];
    for (const [i, sum] of sums.entries()) {
      const step = 2 ** (Math.floor(Math.log2(Math.abs(sum))) - 7);
      if (!(Math.abs(got[i]! - sum) <= step / 2 + Math.abs(sum) * 1e-5 + 1e-7)) odd++;
    }
  }
  expect([changed, odd]).toEqual([28, 0]);
  // The file says whose format it is, which transformers asks for, and its numbers begin at a multiple of eight.
  const bytes = await readFile(join(path, "model.safetensors"));
  const length = Number(bytes.readBigUInt64LE(0));
  expect(length % 8).toBe(0);
  expect(JSON.parse(bytes.subarray(8, 8 + length).toString()).__metadata__).toEqual({ format: "pt" });
  await Promise.all([before, after].map(({ files }) => files.close()));
});

async function openBlobTensors(files: Awaited<ReturnType<typeof mergedByHand>>) {
  const { openBlobs } = await import("../src/checkpoint/blobs.ts");
  return openTensors(openBlobs(files));
}

describe("a base in two files of float32", () => {
  let base: string;
  beforeAll(async () => {
    base = await shardedBase("base");
  });

  test("the merged checkpoint has the same files, and the logits of the adapter beside its base", async () => {
    const path = join(folder, "f32");
    await mergeAdapter(base, adapter.files, path);
    expect((await readdir(path)).sort()).toEqual((await readdir(base)).filter((name) => name !== "notes.md").sort());
    const tokens = someTokens(80);
    await using merged = await loadModel(path, { backend: "reference" });
    await using hand = await loadModel(await mergedByHand(adapter), { backend: "reference" });
    await using beside = await loadModel(base, { adapters: { a: adapter.files } });
    const got = await logitsOf(merged, tokens);
    expect(largestDifference(got, await logitsOf(hand, tokens))).toBeLessThan(1e-5);
    await using session = await beside.createSession({ adapter: "a" });
    const { logits } = await session.append(tokens, { logits: "all" });
    expect(largestDifference(got, logits!)).toBeLessThan(1e-4);
    expect((await merged.generate({ prompt: "In the beginning", maxTokens: 4 }).result()).text).not.toBe("");
  });

  test("config.json gets the adapter's factor, and the model is planned as the adapter's sequences were", async () => {
    const path = join(folder, "stretched");
    const tuned = { source: adapter.files, window: 512, factor: 2 };
    await mergeAdapter(base, tuned, path);
    expect(await readConfig(path)).toEqual({
      ...(await readConfig(base)),
      max_position_embeddings: 512,
      rope_scaling: {
        rope_type: "yarn",
        factor: 2,
        original_max_position_embeddings: 256,
        attention_factor: expect.closeTo(0.1 * Math.log(2) + 1, 10),
      },
    });
    // Python tells 500.0 from 500, and transformers wants the first.
    const text = await readFile(join(path, "config.json"), "utf8");
    for (const number of ['"rope_theta": 500.0', '"rms_norm_eps": 1e-06', '"factor": 2.0', '"vocab_size": 1024'])
      expect(text).toContain(number);
    expect((await inspectModel(path)).warnings.filter(({ code }) => code.includes("yarn"))).toEqual([]);
    await using merged = await loadModel(path, { backend: "reference" });
    await using beside = await loadModel(base, { adapters: { a: tuned } });
    const adapted = beside.adapters.get("a")!.context;
    expect(merged.context.extendedWindow).toBe(adapted.extendedWindow);
    for (const length of [30, 400]) {
      const rows = async (model: Model, name?: string) => {
        await using session = await model.createSession({ adapter: name });
        return [(await session.append(someTokens(length), { logits: "all" })).logits!, session.factor] as const;
      };
      const [[got, factor], [expected]] = [await rows(merged), await rows(beside, "a")];
      expect(factor).toBe(2);
      expect(largestDifference(got, expected)).toBeLessThan(1e-4);
    }
  });

  test("a window without a factor becomes max_position_embeddings; a declared block of YaRN refers to it", async () => {
    const path = join(folder, "longer");
    const merged = await mergeAdapter(base, { source: adapter.files, window: 384 }, path);
    expect(merged.warnings.map(({ code }) => code)).toEqual(["adapter_window_without_factor"]);
    expect(await readConfig(path)).toEqual({ ...(await readConfig(base)), max_position_embeddings: 384 });

    const declared = await shardedBase("declared");
    const rope_parameters = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 256, rope_theta: 500 };
    await writeFile(
      join(declared, "config.json"),
      JSON.stringify({ ...(await readConfig(base)), rope_theta: undefined, rope_parameters }),
    );
    const other = join(folder, "longer-declared");
    await mergeAdapter(declared, { source: adapter.files, window: 384 }, other);
    expect(await readConfig(other)).toMatchObject({
      max_position_embeddings: 384,
      rope_parameters: { ...rope_parameters, original_max_position_embeddings: 384 },
    });
    expect((await inspectModel(other)).context).toMatchObject({ nativeWindow: 384, extendedWindow: 1536 });
  });

  test("a folder that has something in it stays as it is", async () => {
    const path = join(folder, "occupied");
    await mkdir(path);
    await writeFile(join(path, "mine.txt"), "mine");
    await expect(mergeAdapter(base, adapter.files, path)).rejects.toMatchObject({
      code: "invalid_option",
      option: "folder",
    });
    expect(await readdir(path)).toEqual(["mine.txt"]);
    await expect(mergeAdapter(base, adapter.files, join(path, "mine.txt"))).rejects.toMatchObject({
      code: "write_failed",
    });
    await expect(mergeAdapter(base, adapter.files, join(folder, "no", "such"))).rejects.toMatchObject({
      code: "write_failed",
    });
    const empty = join(folder, "empty");
    await mkdir(empty);
    await mergeAdapter(base, adapter.files, empty);
    expect(await readdir(empty)).toContain("config.json");
  });

  test.skipIf(process.platform === "win32")(
    "what is no part of the base does not stop it; a part that leads out does",
    async () => {
      const own = await shardedBase("littered");
      await writeFile(join(own, "log 10:30.txt"), "not a part of it");
      await symlink(join(tiny, "haystack.txt"), join(own, "outside.json"));
      const path = join(folder, "tidy");
      await mergeAdapter(own, adapter.files, path);
      expect((await readdir(path)).sort()).toEqual((await readdir(base)).filter((name) => name !== "notes.md").sort());
      await symlink(join(tiny, "tokenizer.json"), join(own, "special_tokens_map.json"));
      await expect(mergeAdapter(own, adapter.files, join(folder, "untidy"))).rejects.toMatchObject({
        code: "permission_denied",
      });
    },
  );

  test("what is stopped or fails leaves nothing behind", async () => {
    const path = join(folder, "stopped");
    const controller = new AbortController();
    const merging = mergeAdapter(base, adapter.files, path, {
      signal: controller.signal,
      onProgress: ({ completed }) => completed > 0 && controller.abort(new Error("no more")),
    });
    await expect(merging).rejects.toThrow("no more");
    const large = withHugeNumbers(adapter);
    await expect(mergeAdapter(tiny, large, path)).rejects.toThrow(/a merged weight is not finite/);
    expect(await exists(path)).toBe(false);
    expect((await readdir(folder)).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  });

  test("a process that goes at once in the middle of a merge leaves nothing behind", async () => {
    const own = await mkdtemp(join(folder, "ended-"));
    await mkdir(join(own, "adapter"));
    for (const [name, file] of Object.entries(adapter.files))
      await writeFile(join(own, "adapter", name), new Uint8Array(await file.arrayBuffer()));
    // The weights' header comes, and no number of them ever.
    const weights = new Uint8Array(await readFile(join(tiny, "model.safetensors")));
    const served = ["config.json", "tokenizer.json", "tokenizer_config.json"].map(
      async (name) => [`/model/${name}`, ranged(new Uint8Array(await readFile(join(tiny, name))))] as const,
    );
    const server = await serve({
      ...Object.fromEntries(await Promise.all(served)),
      "/model/model.safetensors": (request, response) => {
        if (request.headers.range?.startsWith("bytes=0-")) ranged(weights)(request, response);
      },
    });
    const program = `
      import { mergeAdapter } from ${JSON.stringify(new URL("../src/index.ts", import.meta.url).href)};
      const [base, adapter, folder] = process.argv.slice(1);
      const onProgress = () => setTimeout(() => process.exit(7), 500);
      await mergeAdapter(new URL(base), adapter, folder, { onProgress });
    `;
    const args = ["--input-type=module", "-e", program, server.url.href, join(own, "adapter"), join(own, "merged")];
    const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "inherit"] });
    let written: string[] = [];
    const watching = setInterval(async () => {
      const names = (await readdir(own)).filter((name) => name.endsWith(".tmp"));
      if (names.length > 0) written = names;
    }, 20);
    const code = await new Promise((resolve) => child.on("exit", resolve));
    clearInterval(watching);
    await server.close();
    expect([code, written.length]).toEqual([7, 1]);
    expect(await readdir(own)).toEqual(["adapter"]);
  });

  test("what cannot be merged is refused, with the reason", async () => {
    const path = join(folder, "refused");
    const gguf = join(folder, "tiny.gguf");
    await writeFile(gguf, await tinyGguf("BF16"));
    await expect(mergeAdapter(gguf, adapter.files, path)).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining("nothing is merged into a GGUF file"),
    });
    const head = randomAdapter(8, { target_modules: ["lm_head"] }, (module) =>
      module === "lm_head" ? { rank: 8, scale: 2 } : undefined,
    );
    await expect(mergeAdapter(base, head.files, path)).rejects.toThrow(
      /changes the output matrix \(lm_head\), which is the embedding too/,
    );
    await expect(mergeAdapter(base, join(folder, "nothing"), path)).rejects.toMatchObject({ code: "not_found" });
    await expect(mergeAdapter(base, tiny, path)).rejects.toThrow(/there is no adapter_config\.json/);
    await expect(mergeAdapter(base, adapter.files, "")).rejects.toMatchObject({ option: "folder" });
    expect(await exists(path)).toBe(false);
  });
});

/** Sums beyond what float32 holds. */
function withHugeNumbers({ config, matrices }: TestAdapter): TestAdapter["files"] {
  const tensors = new Map(
    [...matrices].flatMap(([module, { a, b }]) => [
      [`base_model.model.${module}.lora_A.weight`, { ...a, data: a.data.map(() => 3e38) }] as const,
      [`base_model.model.${module}.lora_B.weight`, b] as const,
    ]),
  );
  return {
    "adapter_config.json": new Blob([JSON.stringify(config)]),
    "adapter_model.safetensors": new Blob(writeSafetensors(tensors)),
  };
}
