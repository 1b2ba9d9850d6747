import { Command, CommanderError, Option } from "commander";
import { printInterruption, reportError, reportUsage } from "../src/cli/errors.ts";
import { interruption } from "../src/cli/node/interruption.ts";
import { quietOnClosedPipe } from "../src/cli/node/terminal.ts";
import { defaultFolder, defaultThreads, parseCount, parseShape } from "./options.ts";
import { measuredShapes, type Shape, shapes } from "./shapes.ts";
import type { SkeinSettings } from "./skein-runner.ts";

/** Flags of every benchmark. */
export interface CommonFlags {
  readonly shape: Shape;
  readonly threads: number;
  readonly runs: number;
  readonly folder: string;
  readonly json?: true;
}

/**
 * A command with the flags that all have. Peers' packages bring a commander of their own: only this file names ours.
 *
 * @param name - as people type it
 * @param options.runs - how often everything is measured, unless the user says otherwise; undefined: once
 */
export function createBenchCommand(
  name: string,
  { description, runs }: { readonly description: string; readonly runs: number | undefined },
): Command {
  const command = new Command(name)
    .description(description)
    .addOption(
      new Option("--shape <name>", `the model's sizes: ${measuredShapes.join(", ")}`)
        .argParser(parseShape)
        .default(shapes["0.5b"], "0.5b"),
    )
    .option("--threads <n>", "threads to compute on", parseCount, defaultThreads)
    .option("--folder <path>", "where checkpoints, saved texts and results are kept", defaultFolder)
    .option("--json", "one JSON object, to standard output");
  if (runs !== undefined) command.option("--runs <n>", "how often each figure is measured", parseCount, runs);
  return command;
}

/** How Skein is loaded. */
export type SkeinFlags = Omit<SkeinSettings, "threads" | "extend">;

export function addSkeinFlags(command: Command): Command {
  return command
    .addOption(
      new Option("--weights <type>", "how Skein keeps weights")
        .choices(["f32", "f16", "bf16", "q8", "q4"])
        .default("q4"),
    )
    .addOption(
      new Option("--cache <type>", "how Skein keeps keys and values").choices(["f32", "f16", "q8"]).default("q8"),
    )
    .addOption(new Option("--backend <name>", "what computes").choices(["auto", "wasm", "reference"]).default("auto"));
}

/** Runs the command of this process, and says in one line what went wrong. */
export async function runCommand(command: Command): Promise<void> {
  quietOnClosedPipe();
  const json = process.argv.includes("--json");
  command.exitOverride().configureOutput({
    outputError: (message) =>
      reportUsage(message.replace(/^error: /, ""), { hint: "--help has the options and examples", json }),
  });
  if (json) interruption.beforeSuddenEnd(printInterruption);
  try {
    await command.parseAsync();
  } catch (error) {
    if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
    else
      process.exitCode = reportError(error, {
        debug: false,
        json,
        interruptedBy: interruption.signal.aborted ? interruption.exitCode : undefined,
      });
  } finally {
    interruption.beforeSuddenEnd(undefined); // all is said
  }
}
