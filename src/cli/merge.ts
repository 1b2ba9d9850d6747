import { Command } from "commander";
import { InvalidOptionError, mergeAdapter } from "../index.ts";
import { agreeToDownload } from "./download.ts";
import { fitForTerminal, noteWarning } from "./errors.ts";
import { formatBytes } from "./inspect-facts.ts";
import { interruption } from "./node/interruption.ts";
import { createProgressLine } from "./node/progress.ts";
import { print, printJson } from "./node/terminal.ts";
import { parseFactor, parseWhole } from "./parse.ts";

interface MergeFlags {
  readonly window?: number;
  readonly factor?: number;
  readonly json?: true;
}

/** `skein merge`: a checkpoint with an adapter in it. */
export function createMergeCommand(): Command {
  return new Command("merge")
    .description("Write a checkpoint of a model with an adapter (PEFT LoRA) merged into it, as transformers reads it.")
    .argument("<model>", "the base: a folder, URL or Hub id, with config.json and safetensors")
    .argument("<adapter>", "a folder, URL or Hub id, with adapter_config.json and adapter_model.safetensors")
    .argument("<folder>", "where to write: a folder that there is not, or an empty one")
    .option("--window <tokens>", "at which length the adapter was tuned (default: as its skein.json says)", parseWhole)
    .option("--factor <n>", "with which factor of YaRN it was tuned (default: as its skein.json says)", parseFactor)
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Every tensor keeps its type; config.json gets the adapter's window and factor.

Examples:
  $ skein merge ./Qwen2-7B-Instruct ./law-lora ./Qwen2-7B-law
  $ skein merge ./Qwen2-7B-Instruct ./law-lora ./Qwen2-7B-law --window 65536 --factor 2`,
    )
    .action(run);
}

async function run(model: string, source: string, folder: string, flags: MergeFlags): Promise<void> {
  const { window, factor } = flags;
  const progress = createProgressLine();
  try {
    const merged = await mergeAdapter(model, { source, window, factor }, folder, {
      download: agreeToDownload,
      signal: interruption.signal,
      onProgress: ({ phase, completed, total }) =>
        progress.update(phase === "download" ? "Downloading" : "Merging", completed, total, "bytes"),
    }).catch((error: unknown) => {
      throw error instanceof InvalidOptionError ? inFlags(error, flags) : error;
    });
    progress.clear();
    for (const warning of merged.warnings) noteWarning(warning);
    if (flags.json) printJson(merged);
    else
      print(
        `Wrote ${fitForTerminal(folder)}: ${formatBytes(merged.bytes)} of weights, ${merged.modules} of its matrices changed.`,
      );
  } finally {
    progress.clear();
  }
}

/** Of what was typed; the adapter's skein.json may say it, too. */
function inFlags(error: InvalidOptionError, flags: MergeFlags): InvalidOptionError {
  const name = /^adapter\.(window|factor)$/.exec(error.option)?.[1] as "window" | "factor" | undefined;
  if (name === undefined || flags[name] === undefined) return error;
  return new InvalidOptionError(`--${name}`, error.message.slice(error.option.length + 2));
}
