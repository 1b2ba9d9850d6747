import type { ComparedCell, EvaluationComparison } from "../evaluation/compare.ts";
import { formatAmount, formatChange, formatRate, formatSigned } from "../evaluation/format-number.ts";
import type { Language } from "../evaluation/language.ts";
import { nameMethod } from "../evaluation/method-use.ts";
import { nameTask, splitTable } from "./evaluate-tables.ts";
import { textsIn } from "./evaluate-terminal.ts";
import type { EvaluateTexts } from "./evaluate-texts.ts";
import { safeText } from "./inspect-facts.ts";
import { indented, section } from "./inspect-report.ts";
import { wrapText } from "./inspect-wrap.ts";
import { style } from "./node/terminal.ts";

const indent = "  ";
const longestLine = 100;

/**
 * What differs between two results, for a terminal.
 *
 * @param options.width - columns that there are
 * @returns lines, joined; in colour where standard output takes it
 */
export function renderComparison(
  comparison: EvaluationComparison,
  { language, width }: { readonly language: Language; readonly width: number },
): string {
  const texts = textsIn(language);
  const { a, b, notes, rows, onlyA, onlyB } = comparison;
  const { headings } = texts;
  const prose = (text: string): string => wrapText(text, Math.min(width, longestLine), indent);
  const measures = [...Map.groupBy(rows, (row) => `${row.suite}/${row.task}/${row.measure}`).values()];
  const names = (cells: EvaluationComparison["onlyA"]): string => prose(listCells(cells, texts).join("; "));
  return [
    `A ${style("bold", safeText(a.name))}  ↔  B ${style("bold", safeText(b.name))}`,
    ...(notes.length > 0 ? [notes.map((note) => style("yellow", prose(texts.comparisonNote(note)))).join("\n")] : []),
    ...measures.map((members) => {
      const { suite, task, measure } = members[0]!;
      const named = nameTask({ suite, task }, texts);
      const heading = suite === "perplexity" ? named : texts.about(named, labelOf(measure, texts));
      return section(heading, indented(tabulate(members, texts, width - indent.length)));
    }),
    ...(onlyA.length > 0 ? [section(headings.onlyA, names(onlyA))] : []),
    ...(onlyB.length > 0 ? [section(headings.onlyB, names(onlyB))] : []),
    section(headings.differences, prose(summarise(comparison, texts))),
  ].join("\n\n");
}

/** What is the same of several is said once: `pass keys: none 128, 512`. */
function listCells(cells: EvaluationComparison["onlyA"], texts: EvaluateTexts): readonly string[] {
  const tasks = Map.groupBy(cells, (cell) => nameTask(cell, texts));
  return [...tasks].map(([task, members]) => {
    const methods = Map.groupBy(members, (cell) => safeText(nameMethod(cell)));
    const named = [...methods].map(([method, all]) => `${method} ${all.map(({ length }) => length).join("/")}`);
    return texts.about(task, named.join(", "));
  });
}

function tabulate(rows: readonly ComparedCell[], texts: EvaluateTexts, width: number): string {
  const { labels } = texts;
  const sorted = rows.toSorted((a, b) => a.length - b.length);
  const column = (heading: string, show: (row: ComparedCell) => string) => [heading, ...sorted.map(show)];
  return splitTable(
    [
      column(labels.length, ({ length }) => String(length)),
      column(labels.method, ({ other, ...own }) =>
        safeText(other ? `${nameMethod(own)} ↔ ${nameMethod(other)}` : nameMethod(own)),
      ),
    ],
    [
      column("A", ({ a, measure }) => showValue(a, measure)),
      column("B", ({ b, measure }) => showValue(b, measure)),
      column(labels.difference, showDifference),
      column(labels.pairs, ({ pairs }) => (pairs === undefined ? "–" : String(pairs))),
      column("", ({ differs, changed }) => {
        if (differs) return style(["yellow", "bold"], texts.differs);
        return style("dim", changed === 0 ? texts.isSame : texts.isUnclear);
      }),
    ],
    width,
  );
}

function summarise({ equal, outside, expected, rows }: EvaluationComparison, texts: EvaluateTexts): string {
  const differing = rows.filter(({ differs }) => differs).length;
  return texts.comparisonSummary({ compared: rows.length, equal, outside, differing, expected });
}

function labelOf(measure: ComparedCell["measure"], { labels }: EvaluateTexts): string {
  return {
    accuracy: labels.accuracy,
    perplexity: labels.perplexity,
    divergence: labels.divergence,
    prefillRate: labels.prefill,
    decodeRate: labels.decode,
  }[measure];
}

function showValue(value: number, measure: ComparedCell["measure"]): string {
  return measure === "accuracy" ? formatRate(value) : formatAmount(value);
}

/** Rates in points, divergences as they are, the others in per cent of the first. */
function showDifference({ value, interval, isRatio, measure }: ComparedCell): string {
  const show = (change: number): string =>
    isRatio
      ? formatChange(change)
      : measure === "accuracy"
        ? formatSigned(change, (size) => (size * 100).toFixed(1))
        : formatSigned(change, formatAmount);
  const range = interval ? ` ${style("dim", `${show(interval[0])}…${show(interval[1])}`)}` : "";
  return `${show(value)}${range}`;
}
