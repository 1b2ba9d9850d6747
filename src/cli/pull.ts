import { Command } from "commander";
import { pullModel } from "../index.ts";
import { announceDownload } from "./download.ts";
import { UsageError } from "./errors.ts";
import { interruption } from "./node/interruption.ts";
import { createProgressLine } from "./node/progress.ts";
import { print, printJson } from "./node/terminal.ts";

interface PullFlags {
  readonly file?: string;
  readonly quant?: string;
  readonly json?: true;
}

/** `skein pull`: downloads a model from the Hub, or brings it up to date. */
export function createPullCommand(): Command {
  return new Command("pull")
    .description("Download a model from the Hub, or bring it up to date; what broke off before is gone on with.")
    .argument("<id>", "OWNER/NAME, with @REVISION for a branch, tag or commit; of GGUF files OWNER/NAME:Q4_K_M")
    .option("--file <name>", "of a repository of GGUF files: the one with this name")
    .option("--quant <type>", "of a repository of GGUF files: the one of this quantisation, as Q4_K_M")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Only the files that are needed are downloaded, into the cache that Python's huggingface_hub uses; the path of the model goes to stdout.
HF_HOME or HF_HUB_CACHE name the cache's folder, HF_ENDPOINT a mirror, HF_TOKEN a token; HF_HUB_OFFLINE=1 forbids requests.

Examples:
  $ skein pull Qwen/Qwen2-0.5B-Instruct
  $ skein pull Qwen/Qwen2.5-7B-Instruct-GGUF:Q4_K_M
  $ skein pull Qwen/Qwen2.5-7B-Instruct-GGUF --quant Q4_K_M
  $ HF_ENDPOINT=https://hf-mirror.com skein pull Qwen/Qwen2-7B-Instruct@main
  $ skein pull Qwen/Qwen2-0.5B-Instruct --json`,
    )
    .action((id: string, flags: PullFlags) => run(id, flags));
}

async function run(id: string, flags: PullFlags): Promise<void> {
  const progress = createProgressLine();
  try {
    const model = await pullModel(withChoice(id, flags), {
      signal: interruption.signal,
      onPlan: announceDownload,
      onProgress: ({ completed, total }) => progress.update("Downloading", completed, total, "bytes"),
    });
    progress.clear();
    if (flags.json) printJson(model);
    else print(model.path);
  } finally {
    progress.clear();
  }
}

/** The flags say what may stand in the id as well. */
function withChoice(id: string, { file, quant }: PullFlags): string {
  if (file !== undefined && quant !== undefined) throw new UsageError("--file and --quant cannot stand together");
  const at = `${id}@`.indexOf("@");
  const choice = file !== undefined ? `/${file}` : quant !== undefined ? `:${quant}` : "";
  return `${id.slice(0, at)}${choice}${id.slice(at)}`;
}
