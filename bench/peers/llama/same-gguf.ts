import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getLlama, type Llama, LlamaLogLevel, type LlamaModel, type Token } from "node-llama-cpp";
import { blockTypes } from "../../../src/checkpoint/gguf/block-types.ts";
import type { TypedValue } from "../../../src/checkpoint/gguf/write-header.ts";
import {
  type ContextOptions,
  type FileType,
  type LoadOptions,
  loadModel,
  type ModelSource,
  quantizeModel,
} from "../../../src/index.ts";
import { tokenLogprob } from "../../../src/sampling/logprobs.ts";
import { type MatrixType, tinyGguf } from "../../../test/gguf-models.ts";
import { llama3Scaling, llamaCheckpoint, randomLlama } from "../../../test/llama-gguf.ts";
import { randomWithTokenizer } from "../../../test/quantised-models.ts";
import { randomGguf } from "../../../test/random-gguf.ts";
import { tiny } from "../../../test/tiny.ts";

/*
 * Shows that llama.cpp and Skein read the same from a GGUF file: the tokens of a text, and the most likely next token wherever it is clearly ahead. The
 * embedded model in types that keep its numbers well, what `skein quantize` writes, random models whose blocks are random bytes, in every type of blocks, and
 * random Llamas: their queries and keys in llama.cpp's order, factors on their frequencies, and both kinds of vocabularies.
 *
 * npm run verify:gguf --prefix bench/peers              # or, for those models alone whose name has it: ... -- Llama
 */

const asked = process.argv[2] ?? "";

const tokenCount = 256;
const vocabulary = 1024;

const tokens = Array.from({ length: tokenCount }, (_, i) => (i * 7919 + (i % 13) * 31) % 1000);

/** How far ahead of the second the peer's most likely token must be, in logits: it rounds activations to 8 bits where weights are quantised. */
const margins = { exact: 0.05, quantised: 0.5 } as const;

const scaled: Readonly<Record<string, TypedValue>> = {
  "qwen2.context_length": { type: "uint32", value: 1024 },
  "qwen2.rope.scaling.type": { type: "string", value: "yarn" },
  "qwen2.rope.scaling.factor": { type: "float32", value: 4 },
  "qwen2.rope.scaling.original_context_length": { type: "uint32", value: 256 },
};

const texts = [
  "In the beginning God created the heaven and the earth.",
  "神は言われた。光あれ。中文和日本語",
  "emoji 😀👩‍👩‍👧 and flags 🇨🇳",
  "for (let i = 0; i < 10; i++) { x[i] += 1; }\n\t\treturn x;\r\n",
  "runs   of    spaces\n\n\n  and 1234567890 digits, I'm you're THEY'LL",
  "a<|endoftext|>b<|endoftext|>",
  "  ",
  "<s> a</s>b [INST] c<unk><tool> d<0x41>\u2581e",
  `seven${" ".repeat(7)}eleven${" ".repeat(11)}forty${" ".repeat(40)}${"a".repeat(33)}`,
];

const folder = await mkdtemp(join(tmpdir(), "skein-gguf-"));
const llama = await getLlama({ gpu: false, build: "never", logLevel: LlamaLogLevel.error, progressLogs: false });
let failures = 0;
try {
  for (const type of ["F32", "F16", "BF16", "Q8_0", "Q4_0"] as const)
    await compare(
      llama,
      `the embedded model, ${type}`,
      await tinyGguf(type satisfies MatrixType),
      type.startsWith("Q"),
    );
  // What `skein inspect --for ollama` writes into a file: llama.cpp scales it at every length, as the static schedule does.
  await compare(llama, "the embedded model, YaRN", await tinyGguf("F32", scaled), false, { schedule: "static" });
  for (const [name, source] of await quantisedModels())
    for (const type of ["f16", "q8_0", "q4_0"] as const)
      await compare(llama, `${name}, quantize ${type}`, await quantised(source, type), type !== "f16");
  for (const [name, source, context] of await quantisedLlamas())
    for (const type of ["f16", "q8_0", "q4_0"] as const)
      await compare(llama, `${name}, quantize ${type}`, await quantised(source, type), type !== "f16", context);
  for (const { name } of blockTypes.values()) await compare(llama, `random, ${name}`, await randomGguf(name), true);
  for (const [vocabulary, factors] of [
    ["llama", "llama3"],
    ["gpt2", "any"],
  ] as const)
    for (const type of ["F32", "F16", "Q8_0", "Q4_0", "Q5_0", "Q4_K", "Q6_K"]) {
      const bytes = await randomLlama(type, vocabulary, factors);
      await compare(llama, `Llama, ${vocabulary}, ${factors}, ${type}`, bytes, type.startsWith("Q"));
    }
} finally {
  await llama.dispose();
  await rm(folder, { recursive: true, force: true });
}
if (failures > 0) throw new Error(`${failures} comparisons failed`);

async function compare(
  llama: Llama,
  name: string,
  bytes: Uint8Array,
  isQuantised: boolean,
  context: ContextOptions = {},
): Promise<void> {
  if (!name.includes(asked)) return;
  const path = join(folder, `${name.replaceAll(/\W+/g, "-")}.gguf`);
  await writeFile(path, bytes);
  const model = await llama.loadModel({ modelPath: path });
  try {
    const theirs = await predictWithLlama(model);
    const margin = isQuantised ? margins.quantised : margins.exact;
    const results: string[] = [];
    for (const [label, options] of [
      ["reference", { backend: "reference" }],
      ["wasm", {}],
    ] as const) {
      const { logprobs, tokens } = await predictWithSkein(path, { ...options, context });
      const clear = theirs
        .map((row, i) => ({ ...best(row), own: best(logprobs[i]!).token }))
        .filter((row) => row.margin > margin);
      const wrong = clear.filter(({ token, own }) => token !== own).length;
      // The peer's function puts no token before a text.
      const isSame = (text: string, i: number): boolean => {
        const own = [...tokens[i]!];
        if (own[0] === model.tokens.bos && model.tokens.shouldPrependBosToken) own.shift();
        return model.tokenize(text, true).join() === own.join();
      };
      const same = texts.filter(isSame).length;
      if (wrong > 0 || clear.length === 0 || same < texts.length) failures++;
      results.push(
        `${label}: ${clear.length - wrong} of ${clear.length} clear tokens, ${same} of ${texts.length} texts`,
      );
    }
    console.log(`${name.padEnd(28)} ${results.join("; ")}`);
  } finally {
    await model.dispose();
  }
}

/** Natural logarithms of probabilities, [tokens][vocabulary]. */
type Prediction = readonly (readonly number[])[];

async function predictWithSkein(
  path: string,
  options: LoadOptions,
): Promise<{ readonly logprobs: Prediction; readonly tokens: readonly Uint32Array[] }> {
  await using model = await loadModel(path, {
    ...options,
    onWarning: () => {},
    context: { ...options.context, allowBeyondWindow: true },
  });
  await using session = await model.createSession();
  const { logits } = await session.append(tokens, { logits: "all" });
  const logprobs = tokens.map((_, row) => {
    const ofRow = logits!.subarray(row * vocabulary, (row + 1) * vocabulary);
    const offset = tokenLogprob(ofRow, 0) - ofRow[0]!;
    return Array.from(ofRow, (logit) => logit + offset);
  });
  return { logprobs, tokens: await Promise.all(texts.map((text) => model.tokenize(text, { specialTokens: true }))) };
}

async function predictWithLlama(model: LlamaModel): Promise<Prediction> {
  const context = await model.createContext({ contextSize: 2 * tokenCount });
  const generateNext = { probabilities: true, options: { temperature: 1, topK: 0, topP: 1, minP: 0 } };
  const outputs = await context
    .getSequence()
    .controlledEvaluate(tokens.map((token) => [token as Token, { generateNext }]));
  await context.dispose();
  return outputs.map((output) => {
    const probabilities = output!.next.probabilities!;
    return Array.from({ length: vocabulary }, (_, token) => Math.log(probabilities.get(token as Token)!));
  });
}

/** @returns the most likely token, and how far it is ahead */
function best(row: readonly number[]): { readonly token: number; readonly margin: number } {
  const order = row.map((_, token) => token).sort((a, b) => row[b]! - row[a]!);
  return { token: order[0]!, margin: row[order[0]!]! - row[order[1]!]! };
}

/** Models for `skein quantize`: the embedded one, one with an output matrix of its own, and one of Qwen3 with heads that are wider than their share. */
async function quantisedModels(): Promise<readonly (readonly [string, ModelSource])[]> {
  const qwen3 = { model_type: "qwen3", architectures: ["Qwen3ForCausalLM"], head_dim: 64 };
  return [
    ["embedded", tiny],
    ["untied", await randomWithTokenizer({ tie_word_embeddings: false })],
    ["qwen3", await randomWithTokenizer(qwen3)],
  ];
}

/** Random Llamas and Mistrals. llama.cpp follows no sliding window: one that is longer than the text is what both have. */
async function quantisedLlamas(): Promise<readonly (readonly [string, ModelSource, ContextOptions])[]> {
  const yarn = { rope_scaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 8192 } };
  const mistral = { model_type: "mistral", sliding_window: 2 * tokenCount, head_dim: 32 };
  const blended = {
    ...llama3Scaling.rope_scaling,
    factor: 32,
    low_freq_factor: 2,
    original_max_position_embeddings: 512,
  };
  const tied = { tie_word_embeddings: true, rope_scaling: blended };
  return [
    ["Llama 3.1", await llamaCheckpoint(llama3Scaling, "gpt2"), {}],
    ["Llama 3.2, tied", await llamaCheckpoint(tied, "gpt2"), {}],
    [
      "Llama 2, biases",
      await llamaCheckpoint({ attention_bias: true, mlp_bias: true, num_key_value_heads: 4 }, "llama"),
      {},
    ],
    ["Llama, YaRN", await llamaCheckpoint(yarn, "llama"), { schedule: "static" }],
    ["Mistral", await llamaCheckpoint(mistral, "llama"), {}],
  ];
}

async function quantised(source: ModelSource, type: FileType): Promise<Uint8Array> {
  const path = join(folder, "quantised.gguf");
  await quantizeModel(source, path, { type, overwrite: true, onWarning: () => {} });
  return await readFile(path);
}
