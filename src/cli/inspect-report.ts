import stringWidth from "string-width";
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
  return [
    title(printable(inspection.name), texts.origin(inspection), width),
    section(headings.model, describeModel(inspection, texts, width)),
    section(headings.context, describeContext(inspection, texts, width)),
    section(headings.encoding, describeEncoding(inspection, texts, width)),
    section(headings.yarn, describeYarn(inspection, texts, width)),
    section(headings.cache, describeCache(inspection, texts, width)),
    section(headings.generation, describeGeneration(inspection, texts, width)),
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

/** What is looked at, and beside it, or below where it has no room, how. */
export function title(name: string, origin: string, width: number): string {
  const line = `${style("bold", name)}  ${style("dim", origin)}`;
  return fits(line, width) ? line : `${style("bold", name)}\n${wrapText(style("dim", origin), width, indent)}`;
}

/** Labels and their values; long ones go on below themselves. */
export function facts(rows: readonly (readonly [label: string, value: string])[], width: number): string {
  const widest = Math.max(...rows.map(([label]) => stringWidth(label)));
  return rows
    .map(([label, value]) => {
      const start = `${indent}${style("dim", label)}${" ".repeat(widest - stringWidth(label) + 2)}`;
      return wrapText(value, width, " ".repeat(indent.length + widest + 2), start);
    })
    .join("\n");
}

/** Whether no line is wider. */
export function fits(lines: string, width: number): boolean {
  return lines.split("\n").every((line) => stringWidth(line) <= width);
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

function describeModel(inspection: ModelInspection, texts: InspectTexts, width: number): string {
  const { family, parameters } = inspection;
  const { labels } = texts;
  return facts(
    [
      [labels.family, family],
      [labels.parameters, texts.parameters(parameters)],
      [labels.layers, texts.layers(inspection)],
      [labels.vocabulary, texts.vocabulary(inspection)],
      [labels.weights, texts.weights(inspection)],
    ],
    width,
  );
}

function describeContext(inspection: ModelInspection, texts: InspectTexts, width: number): string {
  const { nativeWindow, originalWindow } = inspection.context;
  const { sliding_window: sliding } = inspection.config;
  const { labels } = texts;
  const rows = facts(
    [
      [labels.nativeWindow, style("bold", texts.tokens(nativeWindow))],
      ...(originalWindow === nativeWindow ? [] : [[labels.originalWindow, texts.tokens(originalWindow)] as const]),
      [labels.extendedWindow, texts.extendedWindow(inspection)],
      ...(sliding === null ? [] : [[labels.slidingWindow, texts.tokens(sliding)] as const]),
    ],
    width,
  );
  return `${rows}\n${wrapText(texts.contextSummary(inspection), width, indent)}`;
}

function describeEncoding(inspection: ModelInspection, texts: InspectTexts, width: number): string {
  const { theta, attentionScaling, factor, method } = inspection.encoding;
  // Longrope has factors of its own for short requests.
  const isScaled = factor !== 1 || method === "longrope";
  const { labels } = texts;
  return facts(
    [
      [labels.method, texts.method(inspection)],
      [labels.theta, String(theta)],
      [labels.headDimension, texts.headDimension(inspection)],
      [labels.factor, formatFactor(factor)],
      [labels.attentionScaling, formatScaling(attentionScaling)],
      [labels.wavelengths, texts.wavelengths(formatWavelengths(inspection), isScaled)],
    ],
    width,
  );
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
    wrapText(caption, width, indent),
    ...drawPairs(inspection, texts, paint, width - indent.length).map(indented),
    explained(pairLegend(inspection, texts, paint), "llrll", width),
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
  const beside = indented(table(rows, "ll"));
  const below = rows.map((row) => indented(row.join(`\n${indent}`))).join("\n"); // in one piece, so that they can be copied
  return ["", fits(beside, width) ? beside : below, ...advice];
}

function describeCache({ cache }: ModelInspection, texts: InspectTexts, width: number): string {
  const heads = [texts.labels.tokens, "q8", "f16", "f32"].map((label) => style("dim", label));
  const rows = cache.totals.map(({ tokens, q8, f16, f32, window }) => [
    String(tokens),
    formatBytes(q8),
    formatBytes(f16),
    formatBytes(f32),
    style("dim", texts.cacheWindow[window]),
  ]);
  const { q8, f16, f32 } = cache.bytesPerToken;
  return explained([heads, ["1", formatBytes(q8), formatBytes(f16), formatBytes(f32)], ...rows], "rrrrl", width);
}

function describeGeneration(inspection: ModelInspection, texts: InspectTexts, width: number): string {
  const { labels } = texts;
  return facts(
    [
      [labels.endTokens, formatEndTokens(inspection) || texts.none],
      [labels.sampling, texts.sampling(inspection)],
      [labels.chatTemplate, texts.chatTemplate(inspection)],
    ],
    width,
  );
}

/** A table whose last column explains the others; where it has no room beside them, it stands below. */
function explained(rows: readonly (readonly string[])[], align: string, width: number): string {
  const whole = indented(table(rows, align));
  if (fits(whole, width)) return whole;
  return table(rows, align.slice(0, -1))
    .split("\n")
    .flatMap((line, row) => {
      const explanation = rows[row]?.[align.length - 1] ?? "";
      return [indent + line, ...(explanation === "" ? [] : [wrapText(explanation, width, "    ")])];
    })
    .join("\n");
}
