import type { InspectionWarning, ModelInspection } from "../index.ts";
import {
  enablingCommand,
  enablingOption,
  extensionState,
  formatBytes,
  formatEndTokens,
  formatFactor,
  formatScaling,
  formatWavelengths,
} from "./inspect-facts.ts";
import { drawPairs, type Paint, pairLegend } from "./inspect-picture.ts";
import type { InspectTexts } from "./inspect-texts.ts";
import { wrapText } from "./inspect-wrap.ts";
import { printable, style, table } from "./node/terminal.ts";

/** Stands before the lines of a section. */
export const indent = "  ";
const colours = { kept: "green", blended: "yellow", interpolated: "cyan" } as const;
const paint: Paint = (kind, text) => style(colours[kind], text);

/**
 * The report on one model.
 *
 * @param width - columns that running text may take
 * @returns lines, joined
 */
export function reportModel(inspection: ModelInspection, texts: InspectTexts, width: number): string {
  const { headings } = texts;
  const title = `${style("bold", printable(inspection.name))}  ${style("dim", texts.origin(inspection))}`;
  return [
    title,
    section(headings.model, describeModel(inspection, texts)),
    section(headings.context, describeContext(inspection, texts, width)),
    section(headings.encoding, describeEncoding(inspection, texts)),
    section(headings.yarn, describeYarn(inspection, texts, width)),
    section(headings.cache, describeCache(inspection, texts)),
    section(headings.generation, describeGeneration(inspection, texts)),
    section(headings.findings, reportFindings(inspection, texts, width)),
  ].join("\n\n");
}

/** The mistakes of one model or adapter, each with its fix. */
export function reportFindings<Warning extends Pick<InspectionWarning, "level">>(
  { warnings }: { readonly warnings: readonly Warning[] },
  texts: Pick<InspectTexts, "noFindings" | "fix"> & {
    readonly finding: (warning: Warning) => { readonly message: string; readonly fix: string };
  },
  width: number,
): string {
  if (warnings.length === 0) return indent + style("green", texts.noFindings);
  return warnings
    .map((warning) => {
      // Both quote the files.
      const { message, fix } = texts.finding(warning);
      const colour = warning.level === "warning" ? "yellow" : "dim";
      const sign = style(colour, warning.level === "warning" ? "!" : "·");
      const problem = wrapText(printable(message), width, "    ", `${indent}${sign} `);
      return `${problem}\n${wrapText(printable(fix), width, "      ", `    ${style("green", texts.fix)}`)}`;
    })
    .join("\n");
}

/** A heading over indented lines. */
export function section(heading: string, body: string): string {
  return `${style(["bold", "blue"], heading)}\n${body}`;
}

/** Lines, indented. */
export function indented(lines: string): string {
  return lines
    .split("\n")
    .map((line) => (line === "" ? "" : indent + line))
    .join("\n");
}

function describeModel(inspection: ModelInspection, texts: InspectTexts): string {
  const { family, parameters } = inspection;
  const { labels } = texts;
  return facts([
    [labels.family, family],
    [labels.parameters, texts.parameters(parameters)],
    [labels.layers, texts.layers(inspection)],
    [labels.vocabulary, texts.vocabulary(inspection)],
    [labels.weights, texts.weights(inspection)],
  ]);
}

function describeContext(inspection: ModelInspection, texts: InspectTexts, width: number): string {
  const { nativeWindow, originalWindow } = inspection.context;
  const { sliding_window: sliding } = inspection.config;
  const { labels } = texts;
  const rows = facts([
    [labels.nativeWindow, style("bold", texts.tokens(nativeWindow))],
    ...(originalWindow === nativeWindow ? [] : [[labels.originalWindow, texts.tokens(originalWindow)] as const]),
    [labels.extendedWindow, texts.extendedWindow(inspection)],
    ...(sliding === null ? [] : [[labels.slidingWindow, texts.tokens(sliding)] as const]),
  ]);
  return `${rows}\n${wrapText(texts.contextSummary(inspection), width, indent)}`;
}

function describeEncoding(inspection: ModelInspection, texts: InspectTexts): string {
  const { theta, attentionScaling, factor } = inspection.encoding;
  const { labels } = texts;
  return facts([
    [labels.method, texts.method(inspection)],
    [labels.theta, String(theta)],
    [labels.headDimension, texts.headDimension(inspection)],
    [labels.factor, formatFactor(factor)],
    [labels.attentionScaling, formatScaling(attentionScaling)],
    [labels.wavelengths, texts.wavelengths(formatWavelengths(inspection))],
  ]);
}

function describeYarn(inspection: ModelInspection, texts: InspectTexts, width: number): string {
  const { yarn } = inspection;
  const summary = wrapText(texts.yarnSummary(inspection), width, indent);
  if (yarn === null) return summary;
  const { labels } = texts;
  const rows = yarn.factors.map(({ factor, extendedWindow, attentionScaling }) => [
    formatFactor(factor),
    String(extendedWindow),
    formatScaling(attentionScaling),
  ]);
  const heads = [labels.factor, labels.window, labels.attentionScaling].map((label) => style("dim", label));
  const caption = texts.pictureCaption(inspection, formatFactor(yarn.option.factor ?? 1));
  return [
    summary,
    "",
    indented(table([heads, ...rows], "rrr")),
    "",
    wrapText(texts.schedule(inspection), width, indent, `${indent}${style("dim", labels.schedule)}  `),
    "",
    indented(caption),
    ...drawPairs(inspection, texts, paint).map(indented),
    indented(table(pairLegend(inspection, texts, paint), "llrll")),
    ...describeEnabling(inspection, texts, width),
  ].join("\n");
}

function describeEnabling(inspection: ModelInspection, texts: InspectTexts, width: number): readonly string[] {
  if (extensionState(inspection) !== "available") return [];
  const { labels } = texts;
  const rows = [
    [labels.enableInProgram, style("cyan", `loadModel(…, { ${enablingOption(inspection)} })`)],
    [labels.enableByCommand, style("cyan", printable(enablingCommand(inspection)))],
  ];
  const advice = inspection.origin === "published" ? [wrapText(texts.weightsNotBuiltIn, width, indent)] : [];
  return ["", indented(table(rows, "ll")), ...advice];
}

function describeCache({ cache }: ModelInspection, texts: InspectTexts): string {
  const heads = [texts.labels.tokens, "q8", "f16", "f32"].map((label) => style("dim", label));
  const rows = cache.totals.map(({ tokens, q8, f16, f32, window }) => [
    String(tokens),
    formatBytes(q8),
    formatBytes(f16),
    formatBytes(f32),
    style("dim", texts.cacheWindow[window]),
  ]);
  const { q8, f16, f32 } = cache.bytesPerToken;
  return indented(table([heads, ["1", formatBytes(q8), formatBytes(f16), formatBytes(f32)], ...rows], "rrrrl"));
}

function describeGeneration(inspection: ModelInspection, texts: InspectTexts): string {
  const { labels } = texts;
  return facts([
    [labels.endTokens, formatEndTokens(inspection) || texts.none],
    [labels.sampling, texts.sampling(inspection)],
    [labels.chatTemplate, texts.chatTemplate(inspection)],
  ]);
}

function facts(rows: readonly (readonly [string, string])[]): string {
  return indented(
    table(
      rows.map(([label, value]) => [style("dim", label), value]),
      "ll",
    ),
  );
}
