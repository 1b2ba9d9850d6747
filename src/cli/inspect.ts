import { Command, Option } from "commander";
import type { AdapterInspection, ModelInspection, ServingEngine, ServingSettings } from "../index.ts";
import { ContextLengthError, inspectAdapter, inspectModel, SkeinError, servingSettings } from "../index.ts";
import { UsageError } from "./errors.ts";
import { type AllTexts, reportAdapter, reportPlan } from "./inspect-adapter.ts";
import { adapterChinese } from "./inspect-adapter-chinese.ts";
import { adapterEnglish } from "./inspect-adapter-english.ts";
import type { AdapterTexts } from "./inspect-adapter-texts.ts";
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
import { type AdapterFlag, collectAdapters, parseFactor, parseWhole } from "./parse.ts";

interface InspectFlags {
  readonly lang: Language;
  readonly factor?: number;
  readonly nativeWindow?: number;
  readonly context?: number;
  readonly adapter?: readonly AdapterFlag[];
  readonly for?: ServingEngine;
  readonly json?: true;
}

const textsOf: Readonly<Record<Language, InspectTexts>> = { en: english, zh: chinese };
const adapterTextsOf: Readonly<Record<Language, AdapterTexts>> = { en: adapterEnglish, zh: adapterChinese };
const servingTextsOf: Readonly<Record<Language, ServingTexts>> = { en: servingEnglish, zh: servingChinese };

/** `skein inspect`: what a model or an adapter is and takes, or what differs between two models; no weights are read. */
export function createInspectCommand(): Command {
  return new Command("inspect")
    .description(
      "Explain a model's window and position encoding, an adapter, or what differs between two models; reads no weights.",
    )
    .argument(
      "<model>",
      "a model's folder, GGUF file or URL (config.json is enough), or its id on the Hub: Qwen/Qwen2-7B; or an adapter's folder or id",
    )
    .argument("[other]", "another one to compare it with")
    .addOption(new Option("--lang <language>", "language of the report").choices(languages).default("en"))
    .option("--factor <n>", "look at YaRN at this factor (default: 4, or the declared one)", parseFactor)
    .option("--native-window <tokens>", "in place of what the configurations say", parseWhole)
    .addOption(
      new Option("--for <engine>", "the settings with which this engine serves the model").choices(servingEngines),
    )
    .option("--context <tokens>", "the length that the work needs (default with --for: the native window)", parseWhole)
    .option(
      "--adapter <name=path>",
      "a LoRA beside the model, as for generate: with ,window=N and ,factor=N; may be given several times",
      collectAdapters,
    )
    .option("--json", "one JSON object")
    .addHelpText(
      "after",
      `
Examples:
  $ skein inspect ./Qwen2-7B-Instruct
  $ skein inspect Qwen/Qwen2-7B-Instruct --factor 3
  $ skein inspect Qwen/Qwen2-7B Qwen/Qwen2-7B-Instruct --lang zh
  $ skein inspect ./my-model --json
  $ skein inspect Qwen/Qwen2-7B-Instruct --for vllm --context 131072
  $ skein inspect ./law-lora
  $ skein inspect Qwen/Qwen2-7B-Instruct --adapter law=./law-lora,window=65536,factor=2`,
    )
    .action((model: string, other: string | undefined, flags: InspectFlags) => run(model, other, flags));
}

async function run(model: string, other: string | undefined, flags: InspectFlags): Promise<void> {
  const texts = textsOf[flags.lang];
  if (flags.for !== undefined && other !== undefined) {
    throw new UsageError("--for gives the settings for one model; name one");
  }
  if (flags.adapter !== undefined && (flags.for !== undefined || other !== undefined)) {
    throw new UsageError("--adapter goes with one model, and not with --for");
  }
  const isAlone = [other, flags.for, flags.adapter, flags.factor, flags.nativeWindow, flags.context].every(
    (given) => given === undefined,
  );
  const a = isAlone ? await inspectAny(model, flags) : await inspectNamed(model, flags);
  if (!("family" in a)) return printAdapter(a, flags);
  if (flags.for !== undefined) return await printServing(a, { ...flags, for: flags.for });
  if (other === undefined) {
    if (flags.json) printJson(translate(a, allTexts(flags)));
    else {
      const plans = a.adapters.map((plan) => reportPlan(plan, allTexts(flags), textWidth()));
      print([reportModel(a, texts, textWidth()), ...plans].join("\n\n"));
    }
    return;
  }
  const b = await inspectNamed(other, flags);
  if (flags.json) {
    const differences = findDifferences(a, b);
    const [first, second] = [a, b].map((one) => translate(one, allTexts(flags)));
    printJson({ a: first, b: second, differences, meaning: texts.meaning(a, b) });
  } else print(reportComparison(a, b, texts, textWidth()));
}

function printAdapter(adapter: AdapterInspection, flags: InspectFlags): void {
  if (flags.json) printJson(translateAdapter(adapter, adapterTextsOf[flags.lang]));
  else print(reportAdapter(adapter, allTexts(flags), textWidth()));
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
    printJson({ ...settings, notes, warnings: translate({ ...inspection, warnings }, allTexts(flags)).warnings });
    return;
  }
  print(reportServing(settings, texts, textWidth()));
  if (warnings.length === 0) return;
  const { headings } = textsOf[flags.lang];
  const findings = reportFindings({ ...inspection, warnings }, textsOf[flags.lang], textWidth());
  print(`\n${section(headings.findings, findings)}`);
}

/** The library's advice is an option; here it is a flag of this command. */
async function settingsFor(
  inspection: ModelInspection,
  flags: InspectFlags & { readonly for: ServingEngine },
): Promise<ServingSettings> {
  try {
    return await servingSettings(inspection, { engine: flags.for, context: flags.context });
  } catch (error) {
    if (!(error instanceof ContextLengthError)) throw error;
    const message = error.message
      .replace("inspect it with factor: ", "look at it with --factor ")
      .replace("a shorter context", "a shorter --context");
    throw new SkeinError(error.code, `${inspection.name}: ${message}`, { cause: error });
  }
}

/** An adapter in a model's place is looked at by itself. */
async function inspectAny(source: string, flags: InspectFlags): Promise<ModelInspection | AdapterInspection> {
  try {
    return await inspectNamed(source, flags);
  } catch (error) {
    if (!(error instanceof SkeinError && error.code === "adapter_without_base")) throw error;
    return await inspectAdapter(source);
  }
}

/** With two models, an error in a configuration has to say whose it is. */
async function inspectNamed(model: string, flags: InspectFlags): Promise<ModelInspection> {
  try {
    const { factor, nativeWindow, context, adapter = [] } = flags;
    const adapters = Object.fromEntries(adapter.map((one) => [one.name, one]));
    return await inspectModel(model, { factor, nativeWindow, context, adapters });
  } catch (error) {
    const isOfModel = error instanceof SkeinError && error.code !== "invalid_option";
    const named = [model, ...(flags.adapter ?? []).flatMap(({ name, source }) => [source, `adapters.${name}.`])];
    if (!isOfModel || named.some((name) => error.message.includes(name))) throw error;
    throw new SkeinError(error.code, `${model}: ${error.message}`, { cause: error });
  }
}

function translate(inspection: ModelInspection, { report: texts, adapter: adapterTexts }: AllTexts): ModelInspection {
  const warnings = inspection.warnings.map((warning) => ({ ...warning, ...texts.finding(warning) }));
  const adapters = inspection.adapters.map((plan) => translateAdapter(plan, adapterTexts));
  return { ...inspection, adapters, warnings };
}

function translateAdapter<Inspection extends AdapterInspection>(
  inspection: Inspection,
  texts: AdapterTexts,
): Inspection {
  const warnings = inspection.warnings.map((warning) => ({ ...warning, ...texts.finding(warning) }));
  return { ...inspection, warnings };
}

function allTexts({ lang }: InspectFlags): AllTexts {
  return { report: textsOf[lang], adapter: adapterTextsOf[lang] };
}

/** Running text is read best in lines that are not too long. */
function textWidth(): number {
  return Math.min(100, Math.max(40, process.stdout.columns ?? 80));
}
