#!/usr/bin/env node
import { Command, CommanderError } from "commander";
import { createCacheCommand } from "./cache.ts";
import { createChatCommand } from "./chat.ts";
import { createDemoCommand } from "./demo.ts";
import { printInterruption, reportError, reportUsage } from "./errors.ts";
import { createEvaluateCommand } from "./evaluate.ts";
import { createGenerateCommand } from "./generate.ts";
import { createInspectCommand } from "./inspect.ts";
import { createListCommand } from "./list.ts";
import { createMergeCommand } from "./merge.ts";
import { interruption } from "./node/interruption.ts";
import { quietOnClosedPipe } from "./node/terminal.ts";
import { createPullCommand } from "./pull.ts";
import { createQuantizeCommand } from "./quantize.ts";
import { createRemoveCommand } from "./remove.ts";
import { version } from "./version.ts";

/** As typed: what cannot be parsed is reported so, too. */
const isJson = process.argv.includes("--json");

const program = new Command("skein")
  .description(
    "Run Qwen, Llama and Mistral models with the context window they really have: native while the input fits, YaRN only when it does not.",
  )
  .version(version)
  .configureHelp({ subcommandTerm: (command) => command.name() }) // leaves room to wrap what they do
  .option("--debug", "show stack traces of errors")
  .addHelpText(
    "after",
    `
Examples:
  $ skein demo                                                read a document four times the model's window
  $ skein generate ./Qwen2-7B-Instruct --file report.txt --yarn --max-tokens 300
  $ skein chat ./Qwen2-7B-Instruct --yarn
  $ skein generate Qwen/Qwen2-0.5B-Instruct --chat --prompt "Hello"       a model of the Hub, downloaded once
  $ skein inspect Qwen/Qwen2-7B Qwen/Qwen2-7B-Instruct        what differs between two models
  $ skein quantize ./Qwen2-7B-Instruct qwen2-7b-instruct-q4_0.gguf --type q4_0

Every command has --help with examples of its own.`,
  );

for (const command of [
  createDemoCommand(),
  createGenerateCommand(),
  createChatCommand(),
  createInspectCommand(),
  createPullCommand(),
  createListCommand(),
  createRemoveCommand(),
  createEvaluateCommand(),
  createQuantizeCommand(),
  createCacheCommand(),
  createMergeCommand(),
]) {
  const hint = `skein ${command.name()} --help has the options and examples`;
  for (const part of command.commands) inOneLine(part, hint);
  program.addCommand(inOneLine(command, hint));
}
inOneLine(program, "skein --help has the commands");

/** Errors of use are one line, as all others are. */
function inOneLine(command: Command, hint: string): Command {
  const outputError = (message: string): void => {
    reportUsage(message.replace(/^error: /, ""), { hint, json: isJson });
  };
  return command.exitOverride().configureOutput({ outputError });
}

quietOnClosedPipe();
if (isJson) interruption.beforeSuddenEnd(printInterruption);
try {
  await program.parseAsync();
  interruption.signal.throwIfAborted(); // of what took no notice, but is not to look as if nothing had been
} catch (error) {
  if (error instanceof CommanderError) process.exitCode = error.exitCode === 0 ? 0 : 2;
  else
    process.exitCode = reportError(error, {
      debug: process.argv.includes("--debug"),
      json: isJson,
      interruptedBy: interruption.signal.aborted ? interruption.exitCode : undefined,
    });
} finally {
  interruption.beforeSuddenEnd(undefined); // all is said
}
