import { writeFileSync } from "node:fs";
import { link, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type FileType,
  type LoadOptions,
  loadModel,
  type ModelSource,
  type Progress,
  quantizeModel,
  type Warning,
} from "../src/index.ts";
import { createChatModel } from "./chat-model.ts";
import { randomWithTokenizer } from "./quantised-models.ts";
import { someTokens, tiny } from "./tiny.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-quantize-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function logitsOf(source: ModelSource, options: LoadOptions = {}): Promise<Float32Array> {
  await using model = await loadModel(source, options);
  await using session = await model.createSession();
  return (await session.append(someTokens(100), { logits: "all" })).logits!;
}

const texts = [
  "",
  "  In the beginning\n\n God  created",
  "神は言われた 😀 naïve e\u0301",
  "<|endoftext|>a<|endoftext|>",
  "12345",
];

test.for([
  ["f16", { weights: "f16" }, { F16: 29, F32: 21 }],
  ["q8_0", { weights: "q8" }, { Q8_0: 29, F32: 21 }],
  ["q4_0", { weights: "q4" }, { Q4_0: 28, Q8_0: 1, F32: 21 }],
] as const)(
  "%s: the embedded model computes the bits that it computes in that type, and has its tokenizer",
  async ([type, options, tensors]) => {
    const path = join(folder, `tiny-${type}.gguf`);
    const progress: Progress[] = [];
    const written = await quantizeModel(tiny, path, { type, onProgress: (step) => void progress.push(step) });
    const { length: bytes } = await readFile(path);
    expect(written).toMatchObject({ path, bytes, tensors, sourceBytes: 1839360 });
    expect(progress.at(-1)).toEqual({ phase: "quantize", completed: bytes, total: bytes });
    expect(progress.map(({ completed }) => completed)).toEqual(
      progress.map(({ completed }) => completed).toSorted((a, b) => a - b),
    );
    await using model = await loadModel(path);
    await using original = await loadModel(tiny);
    expect(model.config).toEqual({ ...original.config, bos_token_id: null, dtype: null });
    expect(model.generationDefaults).toEqual(original.generationDefaults);
    for (const text of texts) expect(await model.tokenize(text)).toEqual(await original.tokenize(text));
    expect(await logitsOf(path)).toEqual(await logitsOf(tiny, options));
  },
);

test("a model with an output matrix of its own, and one of Qwen3 with wide heads and a scaled window", async () => {
  const qwen3 = { model_type: "qwen3", architectures: ["Qwen3ForCausalLM"], head_dim: 64 };
  const scaled = { rope_scaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 256 } };
  for (const { architectures, ...changes } of [
    { architectures: ["Qwen2ForCausalLM"], tie_word_embeddings: false },
    { ...qwen3, ...scaled },
  ]) {
    const source = await randomWithTokenizer({ ...changes, architectures });
    const path = join(folder, "random.gguf");
    await quantizeModel(source, path, { type: "q8_0", overwrite: true });
    await using model = await loadModel(path);
    expect(model.config).toMatchObject(changes);
    expect(await logitsOf(path)).toEqual(await logitsOf(source, { weights: "q8" }));
  }
});

test("conversations: the same tokens and end tokens; rows that are no whole blocks are kept as F16, and this is said", async () => {
  const source = await createChatModel({ "generation_config.json": { eos_token_id: [151645, 151643] } });
  const path = join(folder, "chat.gguf");
  const warnings: Warning[] = [];
  const { tensors } = await quantizeModel(source, path, {
    type: "q4_0",
    onWarning: (warning) => void warnings.push(warning),
  });
  // Rows of 16 numbers, but for the 32 that the MLP hands on.
  expect(tensors).toEqual({ F16: 7, F32: 6, Q4_0: 1 });
  expect(warnings).toMatchObject([
    { code: "rows_not_in_blocks", message: expect.stringMatching(/^7 matrices .*token_embd/) },
  ]);
  await using model = await loadModel(path);
  await using original = await loadModel(source);
  expect(new Set(model.generationDefaults.endTokens)).toEqual(new Set([151645, 151643]));
  const messages = [
    { role: "system", content: "Be brief." },
    { role: "user", content: "你好 😀 <|im_end|> '' 1234" },
  ];
  for (const given of [messages, messages.slice(1)])
    expect(await model.applyChatTemplate(given, { tokenize: true })).toEqual(
      await original.applyChatTemplate(given, { tokenize: true }),
    );
});

test("a GGUF file is a source too: the same bytes but for its name; one that is quantised only when it is asked for", async () => {
  const [f16, q8, q4] = (["f16", "q8_0", "q4_0"] satisfies FileType[]).map((type) =>
    join(folder, `again-${type}.gguf`),
  ) as [string, string, string];
  await quantizeModel(tiny, f16, { type: "f16" });
  await quantizeModel(f16, q8, { type: "q8_0" });
  expect(await logitsOf(q8)).toEqual(await logitsOf(f16, { weights: "q8" }));
  const refused = quantizeModel(q8, q4, { type: "q4_0" });
  await expect(refused).rejects.toMatchObject({ code: "invalid_option", option: "allowRequantize" });
  await expect(refused).rejects.toThrow(/is Q8_0 already/);
  await quantizeModel(q8, q4, { type: "q4_0", allowRequantize: true });
  expect(await logitsOf(q4)).toEqual(await logitsOf(q8, { weights: "q4" }));
  const copy = join(folder, "again-copy.gguf");
  expect((await quantizeModel(q8, copy, { type: "q8_0" })).tensors).toEqual({ Q8_0: 29, F32: 21 });
  expect(await logitsOf(copy)).toEqual(await logitsOf(q8));
});

test("no file is lost: one that is there stays unless it is to be replaced, and the source's own always", async () => {
  const own = await mkdtemp(join(folder, "own-"));
  const path = join(own, "model.gguf");
  const options = { type: "f16" } as const;
  await quantizeModel(tiny, path, options);
  const before = await readFile(path);
  await expect(quantizeModel(tiny, path, options)).rejects.toMatchObject({ option: "overwrite" });
  await Promise.all([link(path, join(own, "hard.gguf")), symlink(path, join(own, "soft.gguf"))]);
  for (const name of ["model.gguf", "hard.gguf", "soft.gguf"]) {
    const refused = quantizeModel(path, join(own, name), { ...options, overwrite: true });
    await expect(refused, name).rejects.toThrow(/is a file of the source itself/);
  }
  expect(await readFile(path)).toEqual(before);
  await writeFile(path, "something else");
  await rm(join(own, "hard.gguf"));
  await quantizeModel(tiny, path, { ...options, overwrite: true });
  expect(await readFile(path)).toEqual(before);
  expect((await readdir(own)).sort()).toEqual(["model.gguf", "soft.gguf"]);
});

test("a file that came to be there meanwhile stays, and so does what was written; unless it is to be replaced", async () => {
  const path = join(folder, "meanwhile.gguf");
  const write = (overwrite: boolean) =>
    quantizeModel(tiny, path, { type: "q8_0", overwrite, onProgress: () => writeFileSync(path, "mine") });
  const error: unknown = await write(false).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: "write_failed", message: expect.stringContaining(`${path} is there by now`) });
  expect(await readFile(path, "utf8")).toBe("mine");
  const kept = join(folder, (await readdir(folder)).find((name) => name.startsWith(".meanwhile.gguf."))!);
  expect((error as Error).message).toContain(`what was written is ${kept}`);
  const { bytes } = await write(true);
  expect([(await readFile(path)).length, (await readFile(kept)).length]).toEqual([bytes, bytes]);
  await rm(kept);
});

test("an abort, and a failure in the middle, leave nothing behind", async () => {
  const own = await mkdtemp(join(folder, "aborted-"));
  const controller = new AbortController();
  const reason = new Error("enough");
  const stopped = quantizeModel(tiny, join(own, "a.gguf"), {
    type: "q8_0",
    signal: controller.signal,
    onProgress: () => controller.abort(reason),
  });
  await expect(stopped).rejects.toBe(reason);
  await expect(quantizeModel(tiny, join(own, "a.gguf"), { type: "f16", signal: controller.signal })).rejects.toBe(
    reason,
  );
  const files = await randomWithTokenizer({});
  const damaged = new Uint8Array(await files["model.safetensors"]!.arrayBuffer());
  damaged.set([0, 0, 0xc0, 0x7f], damaged.length - 20_000 * 4); // a NaN
  const failed = quantizeModel({ ...files, "model.safetensors": new Blob([damaged]) }, join(own, "b.gguf"), {
    type: "q4_0",
  });
  await expect(failed).rejects.toMatchObject({ code: "unsupported", message: expect.stringContaining("NaN") });
  expect(await readdir(own)).toEqual([]);
});

test.for([
  ["a type", "type", "x.gguf", { type: "q5_k" as FileType }],
  ["another ending", "destination", "x.bin", { type: "f16" }],
  ["a folder", "destination", ".gguf", { type: "f16" }],
  ["a flag", "overwrite", "x.gguf", { type: "f16", overwrite: 1 as unknown as boolean }],
] as const)("wrong use is said at once: %s", async ([, option, name, options]) => {
  await expect(quantizeModel(tiny, join(folder, name), options)).rejects.toMatchObject({
    code: "invalid_option",
    option,
  });
});

test("what is missing is named: a folder for the file, the source, its tokenizer", async () => {
  const options = { type: "f16" } as const;
  const nowhere = quantizeModel(tiny, join(folder, "no", "x.gguf"), options);
  await expect(nowhere).rejects.toMatchObject({
    code: "write_failed",
    message: expect.stringContaining("no such folder"),
  });
  const path = join(folder, "x.gguf");
  await expect(quantizeModel(join(folder, "none"), path, options)).rejects.toMatchObject({ code: "not_found" });
  const { "tokenizer.json": _, ...files } = await randomWithTokenizer({});
  await expect(quantizeModel(files, path, options)).rejects.toMatchObject({ code: "no_tokenizer" });
});
