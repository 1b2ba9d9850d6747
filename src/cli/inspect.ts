import { Command, Option } from "commander";
import type { ModelInspection, ServingEngine, ServingSettings } from "../index.ts";
import { ContextLengthError, inspectModel, SkeinError, servingSettings } from "../index.ts";
import { UsageError } from "./errors.ts";
import { chinese } from "./inspect-chinese.ts";
import { findDifferences, reportComparison } from "./inspect-comparison.ts";
import { english } from "./inspect-english.ts";
import { reportFindings, reportModel, section } from "./inspect-report.ts";
import { reportServing } from "./inspect-serving.ts";
import { servingChinese } from "./inspect-serving-chinese.ts";
import { servingEnglish } from "./inspect-serving-english.ts";
import { type ServingTexts, servingEngines } from "./inspect-serving-texts.ts";
import { type InspectTexts, type Language, languages } from "./inspect-texts.ts";
import { print, printJson } from "./node/terminal.ts";
import { parseFactor, parseWhole } from "./parse.ts";

interface InspectFlags {
  readonly lang: Language;
  readonly factor?: number;
  readonly nativeWindow?: number;
  readonly context?: number;
  readonly for?: ServingEngine;
  readonly json?: true;
}

const textsOf: Readonly<Record<Language, InspectTexts>> = { en: english, zh: chinese };
const servingTextsOf: Readonly<Record<Language, ServingTexts>> = { en: servingEnglish, zh: servingChinese };

/** `skein inspect`: what a model is and takes, or what differs between two; no weights are read. */
export function createInspectCommand(): Command {
  return new Command("inspect")
    .description(
      "Explain a model's window and position encoding, or what differs between two models; reads no weights.",
    )
    .argument(
      "<model>",
      "a model's folder, GGUF file or URL (config.json is enough), or its id on the Hub: Qwen/Qwen2-7B",
    )
    .argument("[other]", "another one to compare it with")
    .addOption(new Option("--lang <language>", "language of the report").choices(languages).default("en"))
    .option("--factor <n>", "look at YaRN at this factor (default: 4, or the declared one)", parseFactor)
    .option("--native-window <tokens>", "in place of what the configurations say", parseWhole)
    .addOption(
      new Option("--for <engine>", "the settings with which this engine serves the model").choices(servingEngines),
    )
    .option("--context <tokens>", "the length that the work needs (default with --for: the native window)", parseWhole)
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  $ skein inspect ./Qwen2-7B-Instruct
  $ skein inspect Qwen/Qwen2-7B-Instruct --factor 3
  $ skein inspect Qwen/Qwen2-7B Qwen/Qwen2-7B-Instruct --lang zh
  $ skein inspect ./my-model --json
  $ skein inspect Qwen/Qwen2-7B-Instruct --for vllm --context 131072`,
    )
    .action((model: string, other: string | undefined, flags: InspectFlags) => run(model, other, flags));
}

async function run(model: string, other: string | undefined, flags: InspectFlags): Promise<void> {
  const texts = textsOf[flags.lang];
  if (flags.for !== undefined && other !== undefined) {
    throw new UsageError("--for gives the settings for one model; name one");
  }
  const a = await inspectNamed(model, flags);
  if (flags.for !== undefined) return await printServing(a, { ...flags, for: flags.for });
  if (other === undefined) {
    if (flags.json) printJson(translate(a, texts));
    else print(reportModel(a, texts, textWidth()));
    return;
  }
  const b = await inspectNamed(other, flags);
  if (flags.json) {
    const differences = findDifferences(a, b);
    printJson({ a: translate(a, texts), b: translate(b, texts), differences, meaning: texts.meaning(a, b) });
  } else print(reportComparison(a, b, texts, textWidth()));
}

async function printServing(
  inspection: ModelInspection,
  flags: InspectFlags & { readonly for: ServingEngine },
): Promise<void> {
  const texts = servingTextsOf[flags.lang];
  const settings = await settingsFor(inspection, flags);
  const warnings = inspection.warnings.filter(({ level }) => level === "warning");
  if (flags.json) {
    const notes = settings.notes.map((note) => ({ ...note, message: texts.note(note) }));
    printJson({ ...settings, notes, warnings: translate({ ...inspection, warnings }, textsOf[flags.lang]).warnings });
    return;
  }
  print(reportServing(settings, texts, textWidth()));
  if (warnings.length === 0) return;
  const { headings } = textsOf[flags.lang];
  const findings = reportFindings({ ...inspection, warnings }, textsOf[flags.lang], textWidth());
  print(`\n${section(headings.findings, findings)}`);
}

/** The library's advice is for those who generate; here it is a flag of this command. */
async function settingsFor(
  inspection: ModelInspection,
  flags: InspectFlags & { readonly for: ServingEngine },
): Promise<ServingSettings> {
  try {
    return await servingSettings(inspection, { engine: flags.for, context: flags.context });
  } catch (error) {
    if (!(error instanceof ContextLengthError)) throw error;
    const { tokensNeeded, tokensAvailable, nativeWindow, suggestion } = error;
    const advice = suggestion
      ? `for more, look at it with --factor ${suggestion.factor}`
      : "no setting makes more of them useful; ask for a shorter --context";
    const message = `${inspection.name}: ${tokensNeeded} tokens do not fit, ${tokensAvailable} do (native window ${nativeWindow}); ${advice}`;
    throw new SkeinError(error.code, message, { cause: error });
  }
}

/** With two models, an error in a configuration has to say whose it is. */
async function inspectNamed(model: string, flags: InspectFlags): Promise<ModelInspection> {
  try {
    const { factor, nativeWindow, context } = flags;
    return await inspectModel(model, { factor, nativeWindow, context });
  } catch (error) {
    const isOfModel = error instanceof SkeinError && error.code !== "invalid_option";
    if (!isOfModel || error.message.includes(model)) throw error;
    throw new SkeinError(error.code, `${model}: ${error.message}`, { cause: error });
  }
}

function translate(inspection: ModelInspection, texts: InspectTexts): ModelInspection {
  const warnings = inspection.warnings.map((warning) => ({ ...warning, ...texts.finding(warning) }));
  return { ...inspection, warnings };
}

/** Running text is read best in lines that are not too long. */
function textWidth(): number {
  return Math.min(100, Math.max(40, process.stdout.columns ?? 80));
}
