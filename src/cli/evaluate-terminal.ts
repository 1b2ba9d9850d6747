import type { Language } from "../evaluation/language.ts";
import type { AccuracyCell, EvaluationResult, PerplexityCell } from "../evaluation/result.ts";
import { samplesACell } from "../evaluation/samples-a-cell.ts";
import { conclusionSentences } from "../evaluation/texts/conclusion-sentences.ts";
import { evaluateChinese } from "./evaluate-chinese.ts";
import { drawCurves } from "./evaluate-curves.ts";
import { evaluateEnglish } from "./evaluate-english.ts";
import { drawHeatMaps } from "./evaluate-heat-map.ts";
import { nameTask, tabulateCells, tabulateConsistency, tabulateSpeed } from "./evaluate-tables.ts";
import type { EvaluateTexts } from "./evaluate-texts.ts";
import { safeText } from "./inspect-facts.ts";
import { indented, section } from "./inspect-report.ts";
import { wrapText } from "./inspect-wrap.ts";
import { style } from "./node/terminal.ts";

const textsOf: Readonly<Record<Language, EvaluateTexts>> = { en: evaluateEnglish, zh: evaluateChinese };
const indent = "  ";
/** Running text is read best in lines that are not too long. */
const longestLine = 100;

/**
 * What an evaluation found, for a terminal: heat maps, curves, tables, and what to use.
 *
 * @param options.width - columns that there are
 * @returns lines, joined; in colour where standard output takes it
 */
export function renderEvaluation(
  result: EvaluationResult,
  { language, width }: { readonly language: Language; readonly width: number },
): string {
  const texts = textsOf[language];
  const room = width - indent.length;
  const prose = (text: string): string => wrapText(text, Math.min(width, longestLine), indent);
  const { headings } = texts;
  const { cells } = result;
  const rated = cells.filter(
    (cell): cell is AccuracyCell | PerplexityCell => "accuracy" in cell || "positions" in cell,
  );
  const consistency = cells.filter((cell) => cell.suite === "consistency");
  const speed = cells.filter((cell) => cell.suite === "speed");
  const sentences = conclusionSentences(result, language).join(language === "zh" ? "" : " ");
  const parts = [
    describeRun(result, texts, Math.min(width, longestLine)),
    ...describeDepths(result, texts, room),
    ...describeCurves(result, texts, room),
    ...(rated.length > 0
      ? [
          section(
            headings.cells,
            `${indented(tabulateCells(rated, texts, room))}\n${style("dim", prose(texts.intervals))}`,
          ),
        ]
      : []),
    ...(consistency.length > 0
      ? [section(headings.consistency, indented(tabulateConsistency(consistency, texts, room)))]
      : []),
    ...(speed.length > 0 ? [section(headings.speed, indented(tabulateSpeed(speed, texts, room)))] : []),
    ...(result.omitted.length > 0 ? [style("yellow", prose(texts.omitted(result.omitted)))] : []),
    section(headings.conclusion, prose(sentences)),
  ];
  return parts.join("\n\n");
}

/** The words of a language. */
export function textsIn(language: Language): EvaluateTexts {
  return textsOf[language];
}

function describeRun(result: EvaluationResult, texts: EvaluateTexts, width: number): string {
  const { subject } = result;
  const { name, url, family, nativeWindow, weights, cache } = subject;
  const facts = [
    url,
    family,
    texts.nativeWindow(nativeWindow),
    weights && texts.weights(weights),
    cache && `${texts.labels.cache} ${cache}`,
  ]
    .filter((fact) => fact !== undefined)
    .map((fact) => safeText(fact));
  const lines = wrapText(`${facts.join(" · ")} · ${texts.run(result, samplesACell(result))}`, width, indent);
  return `${style("bold", safeText(name))}\n${style("dim", lines)}`;
}

function describeDepths(result: EvaluationResult, texts: EvaluateTexts, room: number): readonly string[] {
  const placed = result.cells.filter(
    (cell): cell is AccuracyCell => "depths" in cell && cell.depths !== undefined && cell.depths.length > 0,
  );
  const tasks = [...Map.groupBy(placed, ({ suite, task }) => `${suite}/${task}`).values()];
  return tasks.map((cells) => {
    const counts = cells.flatMap(({ depths = [] }) => depths.map(({ samples }) => samples));
    const [least, most] = [Math.min(...counts), Math.max(...counts)];
    const caption = texts.depthCaption(least === most ? String(least) : `${least}–${most}`);
    return section(
      texts.about(texts.headings.depths, nameTask(cells[0]!, texts)),
      [
        wrapText(caption, Math.min(room + indent.length, longestLine), indent),
        "",
        ...drawHeatMaps(cells, result, texts, room).map(indented),
      ].join("\n"),
    );
  });
}

function describeCurves({ cells, subject }: EvaluationResult, texts: EvaluateTexts, room: number): readonly string[] {
  const curved = cells.filter((cell) => cell.suite === "perplexity").filter(({ positions }) => positions.length > 1);
  if (curved.length === 0) return [];
  const length = Math.max(...curved.map((cell) => cell.length));
  const longest = curved.filter((cell) => cell.length === length);
  const caption = wrapText(texts.curveCaption(length), Math.min(room + indent.length, longestLine), indent);
  return [
    section(
      texts.headings.curves,
      [caption, "", ...drawCurves(longest, subject.nativeWindow, texts, room).map(indented)].join("\n"),
    ),
  ];
}
