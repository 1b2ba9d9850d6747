import { dlopen } from "node:ffi";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { getLlama, LlamaLogLevel } from "node-llama-cpp";
import { encodeNumbers } from "../../../src/checkpoint/gguf/encode-numbers.ts";
import { readGgufHeader } from "../../../src/checkpoint/gguf/header.ts";
import { fileTypeNumbers } from "../../../src/checkpoint/gguf/written-types.ts";
import { openDirectory } from "../../../src/checkpoint/node/directory.ts";
import { loadModel, type ModelSource, quantizeModel } from "../../../src/index.ts";
import { createRandom } from "../../../src/sampling/random.ts";
import { createChatModel } from "../../../test/chat-model.ts";
import { llama3Scaling, llamaCheckpoint } from "../../../test/llama-gguf.ts";
import { randomWithTokenizer } from "../../../test/quantised-models.ts";
import { tiny } from "../../../test/tiny.ts";

/*
 * Shows that what `skein quantize` writes is what llama.cpp would write and reads: blocks and 16-bit numbers with the bytes of ggml's own functions, which are
 * called here, whole files with the tensors of llama.cpp's own quantiser, and Qwen's whole tokenizer with the same tokens for hard strings.
 *
 * npm run verify:quantize --prefix bench/peers
 */

const rows = 2000;
const columns = 256;

/** As in the version that package.json names. */
const llamaLibrary = "libllama.v0.4.0.so";

const texts = [
  "神は言われた。光あれ。中文和日本語，全角标点！",
  "emoji 😀👩‍👩‍👧 and flags 🇨🇳🇯🇵",
  "for (let i = 0; i < 10; i++) { x[i] += 1; }\n\t\treturn x;\r\n\r\n",
  "runs   of    spaces\n\n\n  and 1234567890 digits, I'm you're THEY'LL don'T",
  "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n<tool_call>{}</tool_call><|endoftext|>",
  "ÀÉÎÕÜ ñ ß ﬁ Ω ½ x² — “quotes” …",
  "  \t ",
];

let failures = compareBytes();
const folder = await mkdtemp(join(tmpdir(), "skein-quantized-"));
try {
  failures += await compareTokens(join(folder, "chat.gguf"));
  const untied = { tie_word_embeddings: false, hidden_size: 256, intermediate_size: 768 };
  failures += await compareFiles("embedded", tiny);
  failures += await compareFiles("untied, 256 wide", await randomWithTokenizer(untied));
  const wide = { hidden_size: 256, intermediate_size: 768 };
  failures += await compareFiles("Llama", await llamaCheckpoint({ ...wide, ...llama3Scaling }, "gpt2"));
  failures += await compareFiles("Mistral", await llamaCheckpoint({ ...wide, model_type: "mistral" }, "llama"));
} finally {
  await rm(folder, { recursive: true, force: true });
}
if (failures > 0) throw new Error(`${failures} comparisons failed`);

/** @returns how many types have other bytes than ggml's functions write */
function compareBytes(): number {
  const signature = { arguments: ["buffer", "buffer", "i64"], return: "void" } as const;
  const { functions } = dlopen(join(binaries(), "libggml-base.so"), {
    quantize_row_q4_0_ref: signature,
    quantize_row_q8_0_ref: signature,
    ggml_fp32_to_fp16_row: signature,
  });
  const values = hardNumbers();
  let wrong = 0;
  for (const [type, write] of [
    ["Q4_0", functions.quantize_row_q4_0_ref],
    ["Q8_0", functions.quantize_row_q8_0_ref],
    ["F16", functions.ggml_fp32_to_fp16_row],
  ] as const) {
    const own = encodeNumbers(values, type);
    const theirs = new Uint8Array(own.length);
    write(values, theirs, BigInt(values.length));
    const same = Buffer.compare(own, theirs) === 0;
    if (!same) wrong++;
    console.log(
      `${type.padEnd(5)} ${same ? "the same" : "OTHER"} ${own.length} bytes as ggml, of ${values.length} numbers`,
    );
  }
  return wrong;
}

function binaries(): string {
  const main = fileURLToPath(import.meta.resolve("@node-llama-cpp/linux-x64"));
  return join(dirname(dirname(main)), "bins", "linux-x64");
}

/**
 * Has llama.cpp quantise what Skein wrote as F16.
 * @returns how many types have tensors that are not the same
 */
async function compareFiles(name: string, source: ModelSource): Promise<number> {
  const exact = "f16.gguf";
  await quantizeModel(source, join(folder, exact), { type: "f16", overwrite: true });
  let wrong = 0;
  for (const type of ["q8_0", "q4_0"] as const) {
    const [own, theirs] = [`own-${type}.gguf`, `their-${type}.gguf`];
    await quantizeModel(join(folder, exact), join(folder, own), { type, overwrite: true });
    quantizeWithLlama(join(folder, exact), join(folder, theirs), fileTypeNumbers[type]);
    const others = await differingTensors(own, theirs);
    // The one choice that is not llama.cpp's: Skein writes no Q6_K.
    const isExpected = others.every((other) => other === "output.weight: Q8_0, Q6_K");
    if (!isExpected) wrong++;
    console.log(`${name}, ${type}: ${others.length === 0 ? "all tensors the same" : `other: ${others.join("; ")}`}`);
  }
  return wrong;
}

function quantizeWithLlama(from: string, to: string, fileType: number): void {
  const { functions } = dlopen(join(binaries(), llamaLibrary), {
    // It returns a structure, whose place is a first argument that is not named, on x86-64.
    llama_model_quantize_default_params: { arguments: ["buffer"], return: "pointer" },
    llama_model_quantize: { arguments: ["string", "string", "buffer"], return: "u32" },
  });
  const parameters = new Int32Array(64); // more than they take
  functions.llama_model_quantize_default_params(parameters);
  parameters[1] = fileType; // behind the number of threads
  if (functions.llama_model_quantize(from, to, parameters) !== 0) throw new Error("llama.cpp could not quantise");
}

async function differingTensors(own: string, theirs: string): Promise<readonly string[]> {
  const files = await openDirectory(folder);
  try {
    const [ours, others] = [await readGgufHeader(files, own), await readGgufHeader(files, theirs)];
    if (ours.tensors.length !== others.tensors.length) return ["their number"];
    const differing: string[] = [];
    for (const { name, type, start, end } of ours.tensors) {
      const other = others.tensors.find((tensor) => tensor.name === name)!;
      const bytes = await files.read(own, start, end);
      const isSame = Buffer.compare(bytes, await files.read(theirs, other.start, other.end)) === 0;
      if (type !== other.type || !isSame) differing.push(`${name}: ${type}, ${other.type}`);
    }
    return differing;
  } finally {
    await files.close();
  }
}

/** Numbers of all sizes that weights have and more, ties, zeros of both signs, and blocks of one number. */
function hardNumbers(): Float32Array<ArrayBuffer> {
  const random = createRandom(5);
  const values = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const size = 2 ** (-24 + 40 * random.next());
    for (let i = 0; i < columns; i++) {
      const number = (random.next() - 0.5) * size;
      const step = Math.round(number * 64) / 64; // ties, and many equal ones
      values[row * columns + i] = row % 4 === 0 ? step : row % 7 === 0 && i % 32 > 0 ? -0 : number;
    }
  }
  return values;
}

/** @returns how many texts llama.cpp splits otherwise than the checkpoint's own tokenizer does */
async function compareTokens(path: string): Promise<number> {
  const source = await createChatModel();
  await quantizeModel(source, path, { type: "f16" });
  await using original = await loadModel(source);
  await using llama = await getLlama({
    gpu: false,
    build: "never",
    logLevel: LlamaLogLevel.error,
    progressLogs: false,
  });
  const model = await llama.loadModel({ modelPath: path });
  let wrong = 0;
  for (const text of texts) {
    const [own, theirs] = [await original.tokenize(text, { specialTokens: true }), model.tokenize(text, true)];
    if (own.join() !== theirs.join()) wrong++;
  }
  const ends = model.tokens.eos === 151645 && !model.tokens.shouldPrependBosToken;
  const { chat_template } = model.fileInfo.metadata.tokenizer;
  const template = typeof chat_template === "string" && chat_template.includes("<tool_call>");
  console.log(
    `Qwen2.5's tokenizer: ${texts.length - wrong} of ${texts.length} texts; end token ${ends}; chat template ${template}`,
  );
  return wrong + (ends && template ? 0 : 1);
}
