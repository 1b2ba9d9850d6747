import type { Command } from "commander";
import { createEvaluateFlags, type EvaluateFlags } from "./evaluate-flags.ts";
import { measure } from "./evaluate-run.ts";
import { createProgressLine } from "./node/progress.ts";
import { printJson } from "./node/terminal.ts";

/** `skein evaluate`: what scaling does to quality, measured. */
export function createEvaluateCommand(): Command {
  return createEvaluateFlags().action(run);
}

async function run(model: string | undefined, flags: EvaluateFlags): Promise<void> {
  const progress = createProgressLine();
  try {
    const { result, forget } = await measure(model, flags, progress);
    progress.clear();
    printJson(result);
    await forget();
  } finally {
    progress.clear();
  }
}
