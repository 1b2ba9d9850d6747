import type { Command } from "commander";
import { compareEvaluations } from "../evaluation/compare.ts";
import { readEvaluation } from "../evaluation/node/read-evaluation.ts";
import type { EvaluationResult } from "../evaluation/result.ts";
import { conclusionSentences } from "../evaluation/texts/conclusion-sentences.ts";
import { SkeinError } from "../index.ts";
import { fitForTerminal, UsageError } from "./errors.ts";
import { renderComparison } from "./evaluate-compare.ts";
import type { EvaluateFlags } from "./evaluate-flags.ts";
import { measure } from "./evaluate-run.ts";
import { renderEvaluation } from "./evaluate-terminal.ts";
import { checkReadable } from "./node/input.ts";
import { interruption } from "./node/interruption.ts";
import { checkNewFile, writeWhole } from "./node/output.ts";
import { createProgressLine } from "./node/progress.ts";
import { note, outputTaken, print, printJson, styleError } from "./node/terminal.ts";

/** Measures, or shows what was measured: as the flags say. */
export async function runEvaluate(model: string | undefined, flags: EvaluateFlags, command: Command): Promise<void> {
  checkFlags(model, flags);
  checkUseless(model, flags, command);
  for (const file of flags.compare ?? []) await checkReadable("--compare", file, { mayBePipe: true });
  if (flags.from !== undefined) await checkReadable("--from", flags.from, { mayBePipe: true });
  if (flags.compare) return await compare(flags.compare, flags);
  if (flags.report !== undefined) await checkNewFile("--report", flags.report, { force: flags.force ?? false });
  if (flags.from !== undefined) return await show(await readEvaluation(flags.from, interruption.signal), flags);
  const progress = createProgressLine();
  try {
    const { result, forget } = await measure(model, flags, progress);
    progress.clear();
    await show(result, flags).catch((error: unknown) => {
      note(styleError("dim", "all that was measured is kept; the same command with --resume shows it"));
      throw error;
    });
    await outputTaken();
    await forget();
  } finally {
    progress.clear();
  }
}

function checkFlags(model: string | undefined, flags: EvaluateFlags): void {
  const { compare: files, from, report, endpoint } = flags;
  const given = [
    files && "--compare",
    from !== undefined && "--from",
    (endpoint !== undefined && "--endpoint") || (model !== undefined && "a model"),
  ].filter((name) => typeof name === "string");
  if (given.length > 1) throw new UsageError(`${given.join(" and ")} contradict each other; give one of them`);
  if (files && files.length !== 2) throw new UsageError(`--compare needs two files, not ${files.length}`);
  if (files && report !== undefined) throw new UsageError("--report is of one result; --compare prints");
  if (endpoint === undefined && flags.model !== undefined) {
    throw new UsageError(
      "--model is a server's name for its model, and needs --endpoint; a model's folder is given by itself",
    );
  }
}

/** Flags that do nothing beside others: who gives them expects something of them. */
function checkUseless(
  model: string | undefined,
  { from, compare: files, endpoint, suites, methods, report }: EvaluateFlags,
  command: Command,
): void {
  const given = command.options.filter((option) => command.getOptionValueSource(option.attributeName()) === "cli");
  const refuse = (reason: string, isUseless: (name: string) => boolean): void => {
    const useless = given.find((option) => isUseless(option.attributeName()));
    if (useless) throw new UsageError(`${useless.long} does nothing here: ${reason}`);
  };
  if (report === undefined) refuse("it is for --report", (name) => name === "force");
  if (from !== undefined || files) {
    refuse("--from and --compare measure nothing", (name) => !withoutMeasuring.includes(name));
    return;
  }
  if (endpoint === undefined) refuse("it is for servers, which --endpoint names", (name) => ofServers.includes(name));
  else refuse("a server computes in its own way", (name) => name === "methods");
  if (endpoint !== undefined && model === undefined)
    refuse("it is for a model beside the server, and none is given", (name) => ofReference.includes(name));
  if (!suites.includes("retrieval")) refuse("it is for --suites retrieval", (name) => name === "tasks");
  if (!suites.includes("passkey")) refuse("it is for --suites passkey", (name) => name === "share");
  if (endpoint === undefined && methods.every((method) => method === "none"))
    refuse("the method none has no factor", (name) => name === "factors");
}

const withoutMeasuring: readonly string[] = ["from", "compare", "report", "force", "lang", "json"];
const ofReference: readonly string[] = ["weights", "embeddings", "cache", "backend", "threads", "factors"];
const ofServers: readonly string[] = ["chat", "concurrency", "keyEnv"];

async function compare([first = "", second = ""]: readonly string[], flags: EvaluateFlags): Promise<void> {
  const { signal } = interruption;
  const comparison = compareEvaluations(await readEvaluation(first, signal), await readEvaluation(second, signal));
  if (flags.json) printJson(comparison);
  else print(renderComparison(comparison, { language: flags.lang, width: terminalWidth() }));
}

async function show(result: EvaluationResult, flags: EvaluateFlags): Promise<void> {
  if (flags.report !== undefined) {
    const { renderReport } = await import("../evaluation/report/report.ts");
    const conclusion = { en: conclusionSentences(result, "en"), zh: conclusionSentences(result, "zh") };
    const page = renderReport(result, { language: flags.lang, conclusion });
    await writeReport(flags.report, page, flags.force ?? false);
  }
  if (flags.json) printJson(result);
  else print(renderEvaluation(result, { language: flags.lang, width: terminalWidth() }));
  if (flags.report !== undefined) note(styleError("dim", `wrote ${fitForTerminal(flags.report)}`));
}

async function writeReport(path: string, page: string, force: boolean): Promise<void> {
  try {
    await writeWhole(path, page, { force });
  } catch (error) {
    throw new SkeinError("write_failed", `--report ${path}: ${(error as Error).message}`, { cause: error });
  }
}

/** A terminal that does not know its width says 0. */
function terminalWidth(): number {
  return Math.min(200, Math.max(40, process.stdout.columns || 80));
}
