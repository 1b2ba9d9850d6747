import stringWidth from "string-width";
import { formatAmount, formatAmountInterval, formatRate, formatRateInterval } from "../evaluation/format-number.ts";
import { nameMethod } from "../evaluation/method-use.ts";
import type { AccuracyCell, Cell, ConsistencyCell, PerplexityCell, SpeedCell } from "../evaluation/result.ts";
import type { EvaluateTexts } from "./evaluate-texts.ts";
import { formatBytes, safeText } from "./inspect-facts.ts";
import { style, table } from "./node/terminal.ts";

/**
 * Rates and perplexities with their intervals: a row for each length and method, a column for each task.
 *
 * @returns lines without indentation
 */
export function tabulateCells(
  cells: readonly (AccuracyCell | PerplexityCell)[],
  texts: EvaluateTexts,
  width: number,
): string {
  const sorted = cells.toSorted((a, b) => a.length - b.length);
  const rows = [...Map.groupBy(sorted, (cell) => `${cell.length}/${nameMethod(cell)}`).values()];
  const tasks = [...new Map(cells.map((cell) => [nameTask(cell, texts), cell])).entries()];
  const columns = tasks.map(([heading, { suite, task }]) => [
    heading,
    ...rows.map((row) => showCell(row.find((cell) => cell.suite === suite && cell.task === task))),
  ]);
  return splitTable(
    [
      [
        texts.labels.length,
        ...rows.map((row, i) => (rows[i - 1]?.[0]?.length === row[0]!.length ? "" : String(row[0]!.length))),
      ],
      [texts.labels.method, ...rows.map(([cell]) => safeText(nameMethod(cell!)))],
    ],
    columns,
    width,
  );
}

/** How far from the exact computation: a table for each task, under its name. */
export function tabulateConsistency(cells: readonly ConsistencyCell[], texts: EvaluateTexts, width: number): string {
  return [...Map.groupBy(cells, (cell) => nameTask(cell, texts))]
    .map(([task, all]) => `${style("bold", task)}\n${tabulateTask(all, texts, width)}`)
    .join("\n\n");
}

function tabulateTask(cells: readonly ConsistencyCell[], { labels }: EvaluateTexts, width: number): string {
  const sorted = cells.toSorted((a, b) => a.length - b.length);
  const column = (heading: string, show: (cell: ConsistencyCell) => string) => [heading, ...sorted.map(show)];
  const showTime = (time: number | undefined) => (time === undefined ? "–" : formatAmount(time));
  const hasTimes = sorted.some(({ seconds }) => seconds !== undefined);
  return splitTable(
    [
      column(labels.length, ({ length }) => String(length)),
      column(labels.method, (cell) => safeText(nameMethod(cell))),
    ],
    [
      column(labels.divergence, ({ divergence, divergenceInterval }) => showAmount(divergence, divergenceInterval)),
      column(labels.agreement, ({ agreement, agreementInterval }) => showRate(agreement, agreementInterval)),
      column(labels.perplexity, ({ perplexity }) => formatAmount(perplexity)),
      column(labels.exact, ({ exactPerplexity }) => formatAmount(exactPerplexity)),
      ...(hasTimes
        ? [column(labels.seconds, (cell) => `${showTime(cell.seconds)} / ${showTime(cell.exactSeconds)}`)]
        : []),
    ],
    width,
  );
}

export function tabulateSpeed(cells: readonly SpeedCell[], texts: EvaluateTexts, width: number): string {
  const { labels } = texts;
  const sorted = cells.toSorted((a, b) => a.length - b.length);
  return splitTable(
    [
      [labels.length, ...sorted.map(({ length }) => String(length))],
      [labels.method, ...sorted.map((cell) => safeText(nameMethod(cell)))],
    ],
    [
      [labels.prefill, ...sorted.map(({ prefillRate }) => formatAmount(prefillRate))],
      [labels.decode, ...sorted.map(({ decodeRate }) => formatAmount(decodeRate))],
      ...(sorted.some(({ cacheBytes }) => cacheBytes !== undefined)
        ? [
            [
              labels.cache,
              ...sorted.map(({ cacheBytes }) => (cacheBytes === undefined ? "–" : formatBytes(cacheBytes))),
            ],
          ]
        : []),
    ],
    width,
  );
}

/** A suite with one task is known by its own name. */
export function nameTask({ suite, task }: Pick<Cell, "suite" | "task">, texts: EvaluateTexts): string {
  if (suite === "passkey" && task === "passkey") return texts.suites.passkey;
  const key = `${suite}.${task}`;
  return Object.hasOwn(texts.tasks, key) ? texts.tasks[key]! : safeText(task);
}

function showCell(cell: AccuracyCell | PerplexityCell | undefined): string {
  if (cell === undefined) return "";
  if (cell.suite === "perplexity") return showAmount(cell.perplexity, cell.interval);
  return showRate(cell.accuracy, cell.interval);
}

function showRate(rate: number, interval: readonly [number, number] | undefined): string {
  return `${formatRate(rate)}${interval ? ` ${style("dim", formatRateInterval(interval))}` : ""}`;
}

function showAmount(value: number, interval: readonly [number, number] | undefined): string {
  return `${formatAmount(value)}${interval ? ` ${style("dim", formatAmountInterval(interval))}` : ""}`;
}

/**
 * A table that is wider than there is room for goes on below, with its first columns again.
 *
 * @param fixed - columns, heading first, that begin each part
 * @param columns - the others
 */
export function splitTable(
  fixed: readonly (readonly string[])[],
  columns: readonly (readonly string[])[],
  width: number,
): string {
  const widthOf = (column: readonly string[]): number => 2 + Math.max(...column.map((cell) => stringWidth(cell)));
  const room = width + 2 - fixed.reduce((sum, column) => sum + widthOf(column), 0);
  const parts: (readonly string[])[][] = [];
  let left = 0;
  for (const column of columns) {
    if (widthOf(column) > left) {
      parts.push([]);
      left = room;
    }
    parts.at(-1)!.push(column);
    left -= widthOf(column);
  }
  return parts.map((part) => layOut([...fixed, ...part], fixed.length)).join("\n\n");
}

/** Numbers to the right, names to the left. */
function layOut(columns: readonly (readonly string[])[], fixed: number): string {
  const heads = columns.map(([heading = ""]) => (heading === "" ? "" : style("dim", heading)));
  const rows = columns[0]!.slice(1).map((_, row) => columns.map((column) => column[row + 1] ?? ""));
  const align = columns.map((column, i) =>
    i < fixed && !column.slice(1).every((cell) => /^\d*$/.test(cell)) ? "l" : "r",
  );
  return table([heads, ...rows], align.join(""));
}
