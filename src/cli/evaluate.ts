import type { Command } from "commander";
import { createEvaluateFlags, type EvaluateFlags } from "./evaluate-flags.ts";

/** `skein evaluate`: what scaling does to quality, measured. */
export function createEvaluateCommand(): Command {
  return createEvaluateFlags().action(async (model: string | undefined, flags: EvaluateFlags, command: Command) => {
    // More files than all other commands have: these would start later for them.
    const { runEvaluate } = await import("./evaluate-action.ts");
    await runEvaluate(model, flags, command);
  });
}
