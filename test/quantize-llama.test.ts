import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type FileType,
  type LoadOptions,
  loadModel,
  type ModelSource,
  quantizeModel,
  type Warning,
} from "../src/index.ts";
import { llama3Scaling, llamaCheckpoint } from "./llama-gguf.ts";
import { someTokens } from "./tiny.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "skein-quantize-llama-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The bits of a model's logits. */
async function bitsOf(source: ModelSource, options: LoadOptions = {}): Promise<Buffer> {
  await using model = await loadModel(source, { onWarning: () => {}, threads: 1, ...options });
  await using session = await model.createSession();
  return Buffer.from((await session.append(someTokens(100), { logits: "all" })).logits!.buffer);
}

const texts = [
  "",
  " ",
  "In the beginning God created the heaven",
  "  神は言われた 😀 naïve e\u0301\r\n\t",
  "<s> a</s>b [INST] c<unk><tool> d<0x41>\u2581e",
  "x = [1, 2345];\n\treturn  I'm THEY'LL",
];

interface Case {
  readonly name: string;
  readonly vocabulary: "llama" | "gpt2";
  readonly config: object;
  /** What is said. */
  readonly warnings?: readonly string[];
}

const cases: readonly Case[] = [
  { name: "Llama 3.1", vocabulary: "gpt2", config: llama3Scaling },
  { name: "Llama 3.2, tied", vocabulary: "gpt2", config: { ...llama3Scaling, tie_word_embeddings: true } },
  {
    name: "Llama 2, biases",
    vocabulary: "llama",
    config: { attention_bias: true, mlp_bias: true, num_key_value_heads: 4 },
  },
  {
    name: "Llama, YaRN",
    vocabulary: "llama",
    config: { rope_scaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 8192 } },
  },
  {
    name: "Mistral, wide heads, a window",
    vocabulary: "llama",
    config: { model_type: "mistral", sliding_window: 40, head_dim: 32 },
    warnings: ["sliding_window_not_followed"],
  },
];

test.for(cases)(
  "$name: the file computes the bits that the checkpoint computes in that type, and has its tokens",
  async ({ vocabulary, config, warnings = [] }) => {
    const source = await llamaCheckpoint(config, vocabulary);
    await using original = await loadModel(source, { onWarning: () => {} });
    for (const [type, options] of [
      ["f16", { weights: "f16" }],
      ["q8_0", { weights: "q8" }],
      ["q4_0", { weights: "q4" }],
    ] as const) {
      const path = join(folder, "model.gguf");
      const said: Warning[] = [];
      await quantizeModel(source, path, { type, overwrite: true, onWarning: (warning) => void said.push(warning) });
      expect(said.map(({ code }) => code)).toEqual(warnings);
      // With untied embeddings, q4_0 has 4 bits for the first matrix and not for the last: no option of loadModel's says that.
      if (type !== "q4_0" || original.config.tie_word_embeddings)
        expect((await bitsOf(path)).equals(await bitsOf(source, options)), type).toBe(true);
      if (type !== "q8_0") continue; // what follows is the same in all types
      await using model = await loadModel(path, { onWarning: () => {} });
      expect(model.config).toEqual(original.config);
      expect(model.context).toEqual(original.context);
      expect(model.generationDefaults).toEqual(original.generationDefaults);
      for (const specialTokens of [true, false])
        for (const text of texts)
          expect(await model.tokenize(text, { specialTokens }), text).toEqual(
            await original.tokenize(text, { specialTokens }),
          );
      expect(await model.applyChatTemplate([{ role: "user", content: "five" }], { tokenize: true })).toEqual(
        await original.applyChatTemplate([{ role: "user", content: "five" }], { tokenize: true }),
      );
    }
  },
);

test.for([cases[1]!, cases[4]!])(
  "$name: from a GGUF file the same is written, byte for byte",
  async ({ vocabulary, config }) => {
    const source = await llamaCheckpoint(config, vocabulary);
    const write = async (from: ModelSource, type: FileType): Promise<Buffer<ArrayBuffer>> => {
      const path = join(folder, "bytes.gguf");
      await quantizeModel(from, path, { type, overwrite: true, allowRequantize: true, onWarning: () => {} });
      return await readFile(path);
    };
    // What has no name is called "model", and so is a file of that name.
    const filesOf = (bytes: Buffer<ArrayBuffer>) => ({ "model.gguf": new Blob([bytes]) });
    const [f16, q8] = [await write(source, "f16"), await write(source, "q8_0")];
    expect((await write(filesOf(f16), "f16")).equals(f16)).toBe(true);
    expect((await write(filesOf(q8), "q8_0")).equals(q8)).toBe(true);
    // From F16 rows that are in llama.cpp's order already, and are read in a checkpoint's.
    const again = filesOf(await write(filesOf(f16), "q8_0"));
    expect((await bitsOf(again)).equals(await bitsOf(filesOf(f16), { weights: "q8" }))).toBe(true);
  },
);

test("a tokenizer whose spaces a file cannot say: it is written as llama.cpp has it, and this is said", async () => {
  const source = await llamaCheckpoint({}, "llama");
  const tokenizer = JSON.parse(await (source["tokenizer.json"] as Blob).text());
  const pre_tokenizer = { type: "Metaspace", replacement: "\u2581", prepend_scheme: "first", split: false };
  const changed = new Blob([JSON.stringify({ ...tokenizer, normalizer: null, pre_tokenizer })]);
  const said: Warning[] = [];
  const path = join(folder, "spaces.gguf");
  await quantizeModel({ ...source, "tokenizer.json": changed }, path, {
    type: "f16",
    onWarning: (warning) => void said.push(warning),
  });
  expect(said).toMatchObject([{ code: "leading_spaces_differ" }]);
  await using model = await loadModel(path);
  await using original = await loadModel(source);
  for (const text of texts) expect(await model.tokenize(text)).toEqual(await original.tokenize(text));
});

test("bounds of YaRN that llama.cpp does not read: they are written, and this is said", async () => {
  const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 8192 };
  const path = join(folder, "bounds.gguf");
  for (const bounds of [{ beta_fast: 16 }, { beta_slow: 2 }]) {
    const source = await llamaCheckpoint({ rope_scaling: { ...yarn, ...bounds } }, "llama");
    const said: Warning[] = [];
    await quantizeModel(source, path, {
      type: "f16",
      overwrite: true,
      onWarning: (warning) => void said.push(warning),
    });
    const { beta_fast, beta_slow } = { beta_fast: 32, beta_slow: 1, ...bounds };
    expect(said).toMatchObject([
      {
        code: "yarn_bounds_not_followed",
        message: expect.stringContaining(`--yarn-beta-fast ${beta_fast} --yarn-beta-slow ${beta_slow};`),
      },
    ]);
    await using model = await loadModel(path, { onWarning: () => {} });
    expect(model.config.rope_scaling).toMatchObject(bounds);
  }
});
