import { Command, Option } from "commander";
import { type FileType, InvalidOptionError, type QuantizedModel, quantizeModel } from "../index.ts";
import { agreeToDownload } from "./download.ts";
import { fitForTerminal, noteWarning, UsageError } from "./errors.ts";
import { formatBytes } from "./inspect-facts.ts";
import { interruption } from "./node/interruption.ts";
import { createProgressLine } from "./node/progress.ts";
import { print, printJson } from "./node/terminal.ts";

interface QuantizeFlags {
  readonly type: FileType;
  readonly force?: true;
  readonly allowRequantize?: true;
  readonly json?: true;
}

/** `skein quantize`: a model as a GGUF file. */
export function createQuantizeCommand(): Command {
  return new Command("quantize")
    .description("Write a model as a GGUF file, for Skein and llama.cpp, with its tokenizer and chat template.")
    .argument("<source>", "a model's folder, GGUF file, URL or Hub id, with weights in F32, F16 or BF16")
    .argument("<destination>", "the file to write: NAME.gguf")
    .addOption(
      new Option("--type <type>", "what the matrices become: 16-bit floats, or 8 or 4 bits a number")
        .choices(["f16", "q8_0", "q4_0"])
        .makeOptionMandatory(),
    )
    .option("--force", "replace a file that is there")
    .option("--allow-requantize", "also quantise what is quantised already, which loses once more")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Norms and biases stay 32-bit. With q4_0 the matrix that makes the logits is Q8_0 (llama-quantize would take Q6_K).

Examples:
  $ skein quantize ./Qwen2-7B-Instruct qwen2-7b-instruct-q4_0.gguf --type q4_0
  $ skein quantize Qwen/Qwen2-0.5B-Instruct qwen2-0.5b-instruct-q8_0.gguf --type q8_0
  $ skein quantize ./qwen2-7b-instruct-f16.gguf qwen2-7b-instruct-q8_0.gguf --type q8_0 --json`,
    )
    .action((source: string, destination: string, flags: QuantizeFlags) => run(source, destination, flags));
}

async function run(source: string, destination: string, flags: QuantizeFlags): Promise<void> {
  const progress = createProgressLine();
  const began = performance.now();
  const written = await quantizeModel(source, destination, {
    type: flags.type,
    overwrite: flags.force ?? false,
    allowRequantize: flags.allowRequantize ?? false,
    download: agreeToDownload,
    signal: interruption.signal,
    onProgress: ({ phase, completed, total }) =>
      progress.update(phase === "download" ? "Downloading" : "Writing", completed, total, "bytes"),
    onWarning: noteWarning,
  })
    .catch((error: unknown) => {
      throw error instanceof InvalidOptionError ? inFlags(error) : error;
    })
    .finally(() => progress.clear());
  const seconds = (performance.now() - began) / 1000;
  if (flags.json) printJson({ ...written, seconds });
  else print(describe(written, seconds));
}

/** Options of the API that are flags here. */
function inFlags(error: InvalidOptionError): Error {
  const flag = { overwrite: "--force", allowRequantize: "--allow-requantize" }[error.option];
  const problem = error.message.slice(error.option.length + 2).replace(/\bset it\b/, `add ${flag}`);
  return flag === undefined ? error : new UsageError(problem);
}

function describe({ path, bytes, sourceBytes, tensors }: QuantizedModel, seconds: number): string {
  const types = Object.entries(tensors).map(([type, count]) => `${count} ${type}`);
  const from = `${formatBytes(sourceBytes)} became ${formatBytes(bytes)}`;
  return `${fitForTerminal(path)}: ${from} in ${seconds.toFixed(1)} s; tensors: ${types.join(", ")}`;
}
