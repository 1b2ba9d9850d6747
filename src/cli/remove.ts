import { Command } from "commander";
import { removeHubModel } from "../index.ts";
import { countFiles } from "./count.ts";
import { formatBytes } from "./inspect-facts.ts";
import { print, printJson } from "./node/terminal.ts";

/** `skein remove`: takes a model out of the Hub's cache. */
export function createRemoveCommand(): Command {
  return new Command("remove")
    .description("Remove a model from the Hub's cache; Python does not find it there any more either.")
    .argument("<id>", "OWNER/NAME for all of it, with @REVISION for one revision; OWNER/NAME:Q4_K_M for one GGUF model")
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  $ skein remove Qwen/Qwen2-0.5B-Instruct
  $ skein remove Qwen/Qwen2-0.5B-Instruct@main
  $ skein remove Qwen/Qwen2.5-7B-Instruct-GGUF:Q4_K_M`,
    )
    .action(async (id: string, { json }: { readonly json?: true }) => {
      const { files, bytes } = await removeHubModel(id);
      if (json) printJson({ files, bytes });
      else print(`Removed ${countFiles(files)}, ${formatBytes(bytes)}.`);
    });
}
