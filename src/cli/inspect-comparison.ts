import stringWidth from "string-width";
import type { ModelInspection } from "../index.ts";
import {
  extensionState,
  formatBytes,
  formatFactor,
  formatScaling,
  safeText,
  suggestedWindow,
} from "./inspect-facts.ts";
import { facts, fits, indent, indented, reportFindings, section } from "./inspect-report.ts";
import type { InspectTexts } from "./inspect-texts.ts";
import { wrapText } from "./inspect-wrap.ts";
import { printable, style, table } from "./node/terminal.ts";

/** A fact that differs between two models; `field` is its path in the inspection. */
export interface Difference {
  readonly field: string;
  readonly a: unknown;
  readonly b: unknown;
}

/** What differs between two models, as data. */
export function findDifferences(a: ModelInspection, b: ModelInspection): readonly Difference[] {
  return comparedFields(a, b)
    .map((field) => ({ field, a: factOf(a, field), b: factOf(b, field) }))
    .filter((difference) => !isSame(difference));
}

/** The report on two models: what differs, the facts that matter and are equal, and what it means. */
export function reportComparison(a: ModelInspection, b: ModelInspection, texts: InspectTexts, width: number): string {
  const { headings } = texts;
  const differing = findDifferences(a, b).map(({ field }) => field);
  const same = equalFacts.filter((field) => !differing.includes(field));
  const sameRows = same.map((field) => [labelOf(field, texts), show(a, field, texts)] as const);
  const beside = `${style("bold", printable(a.name))}  ↔  ${style("bold", printable(b.name))}`;
  const findings = [a, b].filter((inspection) => inspection.warnings.length > 0);
  return [
    fits(beside, width) ? beside : beside.replace("↔  ", "↔\n"),
    section(
      headings.differences,
      differing.length === 0 ? indented(texts.noDifferences) : compare([a, b], differing, texts, width),
    ),
    ...(same.length === 0 ? [] : [section(headings.same, facts(sameRows, width))]),
    section(
      headings.meaning,
      texts
        .meaning(a, b)
        .map((text) => formatMeaning(text, width))
        .join("\n"),
    ),
    ...findings.map((inspection) =>
      section(`${headings.findings}: ${printable(inspection.name)}`, reportFindings(inspection, texts, width)),
    ),
  ].join("\n\n");
}

/** In the order in which they are shown. */
const fields = [
  "context.nativeWindow",
  "context.extendedWindow",
  "yarn.needed",
  "encoding.method",
  "encoding.theta",
  "encoding.headDim",
  "encoding.factor",
  "encoding.attentionScaling",
  "endTokens",
  "sampling.temperature",
  "sampling.topK",
  "sampling.topP",
  "sampling.minP",
  "sampling.repetitionPenalty",
  "chatTemplate",
  "tokenizerMaxLength",
  "cache.bytesPerToken.f16",
  "parameters",
  "weights.types",
  "family",
];

/** Shown where they are equal, because a reader asks for them. */
const equalFacts = [
  "context.nativeWindow",
  "encoding.method",
  "encoding.theta",
  "encoding.headDim",
  "endTokens",
  "cache.bytesPerToken.f16",
  "parameters",
  "config.num_hidden_layers",
  "config.hidden_size",
  "config.vocab_size",
];

/** Fields of `config.json` that the others above stand for already. */
const covered = new Set(["model_type", "rope_theta", "head_dim"]);

function comparedFields(a: ModelInspection, b: ModelInspection): readonly string[] {
  const keys = new Set([...Object.keys(a.config), ...Object.keys(b.config)].filter((key) => !covered.has(key)));
  return [...fields, ...[...keys].map((key) => `config.${key}`)];
}

/** A fact by its path; null where there is none. */
function factOf(inspection: ModelInspection, field: string): unknown {
  let value: unknown = inspection;
  for (const key of field.split(".")) {
    value = typeof value === "object" && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : null;
  }
  return value;
}

function isSame({ a, b }: Difference): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

/** A column a model; where they have no room, a line a model. */
function compare(
  models: readonly ModelInspection[],
  differing: readonly string[],
  texts: InspectTexts,
  width: number,
): string {
  const heads = models.map(({ name }) => style("bold", shorten(name, 28)));
  const rows = differing.map((field) => [
    style("dim", labelOf(field, texts)),
    ...models.map((model) => show(model, field, texts)),
  ]);
  const columns = indented(table([["", ...heads], ...rows], "lll"));
  if (fits(columns, width)) return columns;
  const names = models.map(({ name }) => shorten(name, Math.floor(width / 2) - indent.length));
  return rows
    .map(([label = "", ...cells]) => {
      const values = cells.map((cell, model) => [names[model]!, cell] as const);
      return `${indent}${label}\n${indented(facts(values, width - indent.length))}`;
    })
    .join("\n");
}

/** The subject, up to the first full stop, stands out. */
function formatMeaning(text: string, width: number): string {
  return wrapText(text, width, "    ", "  • ").replace(/[^ •][^.。]*[.。]/u, (subject) => style("bold", subject));
}

function labelOf(field: string, texts: InspectTexts): string {
  return texts.fields[field] ?? field.replace(/^config\./, "");
}

/** A cell: short, because three columns have to fit. */
function show(inspection: ModelInspection, field: string, texts: InspectTexts): string {
  const value = factOf(inspection, field);
  if (field === "yarn.needed") return showExtension(inspection, texts);
  if (field === "endTokens") return inspection.endTokens.map(({ id }) => id).join(", ") || texts.none;
  if (field === "weights.types") return texts.weights(inspection);
  if (field === "parameters") return texts.parameters(inspection.parameters);
  if (field === "chatTemplate") return texts.chatTemplate(inspection);
  if (field === "cache.bytesPerToken.f16") return formatBytes(inspection.cache.bytesPerToken.f16);
  if (field === "encoding.attentionScaling") return formatScaling(inspection.encoding.attentionScaling);
  if (value === null) return texts.none;
  if (typeof value === "boolean") return value ? texts.yes : texts.no;
  return safeText(typeof value === "object" ? JSON.stringify(value) : String(value));
}

function showExtension(inspection: ModelInspection, texts: InspectTexts): string {
  if (extensionState(inspection) !== "available") return texts.nothing;
  return `YaRN ×${formatFactor(inspection.yarn?.option.factor ?? 1)}: ${suggestedWindow(inspection)}`;
}

/** The end of a long path tells more than its beginning. @param most - columns, of which a Chinese character takes two */
function shorten(name: string, most: number): string {
  const shown = printable(name);
  if (stringWidth(shown) <= most) return shown;
  let end = "";
  // Letters with their accents, which stand behind them.
  for (const { segment } of [...new Intl.Segmenter().segment(shown)].toReversed()) {
    if (stringWidth(`…${segment}${end}`) > most) break;
    end = segment + end;
  }
  return `…${end}`;
}
