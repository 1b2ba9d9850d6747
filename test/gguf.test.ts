import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ranged, serve } from "../src/checkpoint/node/test-server.ts";
import { inspectModel, type LoadOptions, loadModel, type ModelSource, SkeinError } from "../src/index.ts";
import { type MatrixType, tinyGguf, tinyGgufParts } from "./gguf-models.ts";
import { divergence } from "./quantised-models.ts";
import { randomGguf } from "./random-gguf.ts";
import { someTokens, tiny } from "./tiny.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-gguf-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function written(name: string, bytes: Uint8Array): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, bytes);
  return path;
}

async function logitsOf(source: ModelSource, options: LoadOptions = {}): Promise<Float32Array> {
  await using model = await loadModel(source, options);
  await using session = await model.createSession();
  return (await session.append(someTokens(100), { logits: "all" })).logits!;
}

const request = { prompt: "In the beginning", maxTokens: 24, temperature: 0 };

test("a file of the embedded model's own numbers computes the same bits as its folder, and has its tokenizer", async () => {
  const path = await written("tiny-bf16.gguf", await tinyGguf("BF16"));
  await using model = await loadModel(path);
  await using original = await loadModel(tiny);
  for (const text of [
    "",
    "  In the beginning\n\n God  created",
    "神は言われた 😀 naïve e\u0301",
    "<|endoftext|>a<|endoftext|>",
    "12345",
  ]) {
    const tokens = await model.tokenize(text);
    expect([...tokens]).toEqual([...(await original.tokenize(text))]);
    expect(await model.detokenize(tokens)).toBe(await original.detokenize(tokens));
  }
  expect(model.config).toEqual({ ...original.config, bos_token_id: null, dtype: null });
  const [{ seed: _, timings: __, ...got }, { seed: ___, timings: ____, ...expected }] = await Promise.all([
    model.generate(request).result(),
    original.generate(request).result(),
  ]);
  expect(got).toEqual(expected);
  expect(await logitsOf(path)).toEqual(await logitsOf(tiny));
});

test.for([
  ["F32", { weights: "f32" }],
  ["F16", { weights: "f16" }],
  ["Q8_0", { weights: "q8" }],
  ["Q4_0", { weights: "q4", embeddings: "q4" }],
] as const)("%s: the numbers are those of the file, in the type of the file", async ([type, options]) => {
  const bytes = await tinyGguf(type);
  const path = await written(`tiny-${type}.gguf`, bytes);
  expect(await logitsOf(path)).toEqual(await logitsOf(tiny, options));
  expect(await logitsOf({ "model.gguf": new Blob([bytes]) })).toEqual(await logitsOf(path));
});

test("a quantised cache finds the same key scales in blocks as in numbers", async () => {
  const path = await written("scales.gguf", await tinyGguf("Q8_0"));
  expect(await logitsOf(path, { cache: "q8" })).toEqual(await logitsOf(tiny, { weights: "q8", cache: "q8" }));
});

test.for([
  ["Q4_K", "Q6_K"],
  ["Q6_K", "Q4_K"],
] as const)(
  "%s, and embeddings in %s, compute what the reference does with the same numbers",
  async ([type, outer]) => {
    const path = await written(`random-${type}.gguf`, await randomGguf(type, outer));
    const said: string[] = [];
    const compute = (options: LoadOptions) =>
      logitsOf(path, { ...options, onWarning: ({ message }) => void said.push(message) });
    const expected = await compute({ backend: "reference" });
    const [relaxed, pairs, plain] = [
      await compute({ kernels: "relaxed" }),
      await compute({ kernels: "pairs" }),
      await compute({ kernels: "plain" }),
    ];
    expect(Buffer.from(pairs.buffer).equals(Buffer.from(relaxed.buffer))).toBe(true);
    for (const logits of [relaxed, plain]) {
      const { divergence: cost, entropy } = divergence(expected, logits, 1024);
      if (process.env.SHOW) console.log(type, { cost, entropy });
      expect(cost).toBeLessThan(5e-4);
      expect(entropy).toBeGreaterThan(0.5);
    }
    expect(said).toEqual([]);
  },
);

test("a folder with one GGUF file is that model; with two it is an error that names them", async () => {
  const own = await mkdtemp(join(folder, "one-"));
  const bytes = await tinyGguf("F16");
  await writeFile(join(own, "a.gguf"), bytes);
  await using model = await loadModel(own);
  expect(model.config.hidden_size).toBe(128);
  await writeFile(join(own, "b.gguf"), bytes);
  await expect(loadModel(own)).rejects.toThrow(/2 GGUF files.*"a.gguf", "b.gguf"/);
});

test("a file that was split is one model, by the name of any part; a missing part is named", async () => {
  const own = await mkdtemp(join(folder, "split-"));
  const parts = await tinyGgufParts("Q8_0", 3);
  const nameOf = (part: number) => join(own, `tiny-0000${part + 1}-of-00003.gguf`);
  for (const [part, bytes] of parts.entries()) await writeFile(nameOf(part), bytes);
  const expected = await logitsOf(tiny, { weights: "q8" });
  for (const source of [own, nameOf(0), nameOf(2)]) expect(await logitsOf(source)).toEqual(expected);
  await rm(nameOf(1));
  await expect(loadModel(own)).rejects.toThrow(/"tiny-00002-of-00003.gguf" is not in/);
});

test("the address of a file on a server", async () => {
  const bytes = await tinyGguf("Q8_0");
  const server = await serve({ "/models/tiny.gguf": ranged(bytes) });
  try {
    expect(await logitsOf(new URL("models/tiny.gguf", server.url))).toEqual(await logitsOf(tiny, { weights: "q8" }));
  } finally {
    await server.close();
  }
});

test("what is kept in more bits than the file has is said; what the user asks for is not", async () => {
  const said = async (options: LoadOptions) => {
    const warnings: { readonly code: string; readonly message: string }[] = [];
    await using model = await loadModel(await written("k.gguf", await tinyGguf("Q5_1")), {
      ...options,
      onWarning: (warning) => void warnings.push(warning),
    });
    expect(model.config.hidden_size).toBe(128);
    return warnings;
  };
  expect(await said({})).toMatchObject([
    { code: "weights_widened", message: expect.stringMatching(/^Q5_1: 29 of 50 tensors/) },
  ]);
  expect(await said({ weights: "f32" })).toEqual([]);
  expect(await said({ backend: "reference" })).toEqual([]);
});

test("a scaled window is followed as from config.json", async () => {
  const yarn = {
    "qwen2.rope.scaling.type": { type: "string", value: "yarn" },
    "qwen2.rope.scaling.factor": { type: "float32", value: 4 },
    "qwen2.rope.scaling.original_context_length": { type: "uint32", value: 256 },
    "qwen2.context_length": { type: "uint32", value: 1024 },
  } as const;
  const { context, weights } = await inspectModel(await written("yarn.gguf", await tinyGguf("Q4_0", yarn)));
  expect(context).toMatchObject({ nativeWindow: 256, extendedWindow: 1024, schedule: "dynamic" });
  const usual = { "qwen2.rope.scaling.yarn_attn_factor": { type: "float32", value: 0.1 * Math.log(4) + 1 } } as const;
  const trained = await inspectModel(await written("trained.gguf", await tinyGguf("Q4_0", { ...yarn, ...usual })));
  expect(trained.context).toMatchObject({ extendedWindow: 1024, schedule: "static" });
  expect(weights?.types).toEqual({ F32: 4 * 2 * 128 + 128 + 4 * (128 + 2 * 64), Q4_0: expect.any(Number) });
});

test.for([
  [
    "tokenizer.ggml.pre",
    { "tokenizer.ggml.pre": { type: "string", value: "unheard-of" } },
    /"unheard-of" is not supported/,
  ],
  ["tokenizer.ggml.model", { "tokenizer.ggml.model": { type: "string", value: "t5" } }, /"t5" is not supported/],
  ["architecture", { "general.architecture": { type: "string", value: "mamba" } }, /mamba/],
  ["block count", { "qwen2.block_count": undefined }, /qwen2.block_count: is missing in the GGUF file/],
  ["scaling", { "qwen2.rope.scaling.type": { type: "string", value: "su" } }, /"su" is not supported/],
] as const)("what Skein does not have is named: %s", async ([name, changes, message]) => {
  const path = await written(`odd ${name}.gguf`, await tinyGguf("F16", changes));
  const error: unknown = await loadModel(path).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(SkeinError);
  expect((error as SkeinError).message).toMatch(message);
});

test("a file that ends too early is refused wherever it ends", async () => {
  const bytes = await tinyGguf("Q8_0" satisfies MatrixType);
  for (const length of [0, 3, 4, 20, 200, 5000, 20_000, bytes.length >> 1, bytes.length - 40]) {
    const source = { "model.gguf": new Blob([bytes.slice(0, length)]) };
    const error: unknown = await inspectModel(source).catch((reason: unknown) => reason);
    expect(error, `${length} bytes`).toBeInstanceOf(SkeinError);
    expect((error as SkeinError).message).toMatch(/^[^\n]{1,400}$/);
  }
});
