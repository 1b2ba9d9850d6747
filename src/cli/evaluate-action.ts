import { compareEvaluations } from "../evaluation/compare.ts";
import { readEvaluation } from "../evaluation/node/read-evaluation.ts";
import type { EvaluationResult } from "../evaluation/result.ts";
import { conclusionSentences } from "../evaluation/texts/conclusion-sentences.ts";
import { fitForTerminal, UsageError } from "./errors.ts";
import { renderComparison } from "./evaluate-compare.ts";
import type { EvaluateFlags } from "./evaluate-flags.ts";
import { measure } from "./evaluate-run.ts";
import { renderEvaluation } from "./evaluate-terminal.ts";
import { checkNewFile, writeWhole } from "./node/output.ts";
import { createProgressLine } from "./node/progress.ts";
import { note, print, printJson, styleError } from "./node/terminal.ts";

/** Measures, or shows what was measured: as the flags say. */
export async function runEvaluate(model: string | undefined, flags: EvaluateFlags): Promise<void> {
  checkFlags(model, flags);
  if (flags.compare) return await compare(flags.compare, flags);
  if (flags.report !== undefined) await checkNewFile("--report", flags.report, { force: flags.force ?? false });
  if (flags.from !== undefined) return await show(await readEvaluation(flags.from), flags);
  const progress = createProgressLine();
  try {
    const { result, forget } = await measure(model, flags, progress);
    progress.clear();
    await show(result, flags);
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

async function compare([first = "", second = ""]: readonly string[], flags: EvaluateFlags): Promise<void> {
  const comparison = compareEvaluations(await readEvaluation(first), await readEvaluation(second));
  if (flags.json) printJson(comparison);
  else print(renderComparison(comparison, { language: flags.lang, width: terminalWidth() }));
}

async function show(result: EvaluationResult, flags: EvaluateFlags): Promise<void> {
  if (flags.report !== undefined) {
    const { renderReport } = await import("../evaluation/report/report.ts");
    const conclusion = { en: conclusionSentences(result, "en"), zh: conclusionSentences(result, "zh") };
    await writeWhole(flags.report, renderReport(result, { language: flags.lang, conclusion }));
  }
  if (flags.json) printJson(result);
  else print(renderEvaluation(result, { language: flags.lang, width: terminalWidth() }));
  if (flags.report !== undefined) note(styleError("dim", `wrote ${fitForTerminal(flags.report)}`));
}

/** A terminal that does not know its width says 0. */
function terminalWidth(): number {
  return Math.min(200, Math.max(40, process.stdout.columns || 80));
}
