import { formatAmount } from "../evaluation/format-number.ts";
import { nameMethod } from "../evaluation/method-use.ts";
import type { PerplexityCell } from "../evaluation/result.ts";
import type { EvaluateTexts } from "./evaluate-texts.ts";
import { safeText } from "./inspect-facts.ts";
import { style } from "./node/terminal.ts";

/** Lines that curves are drawn in. */
const height = 12;
/** Letters would be taken for words; these are one column wide everywhere. */
const marks = ["o", "x", "+", "*", "#", "@", "%", "&", "=", "$"];
const colours = ["cyan", "yellow", "green", "magenta", "blue", "red"] as const;

/**
 * Perplexity by position in the text, logarithmic: a line of one character for each method, over an axis of tokens on which the native window is marked.
 * Where lines meet, that of the method named first is seen.
 *
 * @param cells - of one length, with positions; not empty
 * @returns lines without indentation
 */
export function drawCurves(
  cells: readonly PerplexityCell[],
  nativeWindow: number,
  texts: EvaluateTexts,
  width: number,
): readonly string[] {
  const length = cells[0]!.length;
  const values = cells.flatMap(({ positions }) =>
    positions.map(({ perplexity }) => Math.log(Math.max(1e-9, perplexity))),
  );
  const low = values.reduce((least, value) => Math.min(least, value));
  const high = values.reduce((most, value) => Math.max(most, value));
  const labels = Array.from({ length: height }, (_, row) =>
    row % 3 === 0 || row === height - 1 ? formatAmount(Math.exp(valueAt(row, low, high))) : "",
  );
  const label = Math.max(...labels.map(({ length }) => length));
  const columns = Math.max(16, Math.min(120, width - label - 2));
  const grid = Array.from({ length: height }, (): string[] => new Array(columns).fill(" "));
  const window = nativeWindow < length ? Math.round((nativeWindow / length) * columns) : undefined;
  if (window !== undefined) for (const row of grid) row[window] = style("dim", "│");
  for (const [rank, cell] of [...cells.entries()].reverse()) {
    const mark = style(colours[rank % colours.length]!, marks[rank % marks.length]!);
    drawLine(grid, pathOf(cell, columns, low, high), mark);
  }
  const rows = grid.map((row, i) => `${style("dim", `${labels[i]!.padStart(label)} ┤`)}${row.join("")}`.trimEnd());
  const axis = Array.from({ length: columns }, (_, column) => (column === window ? "┴" : "─")).join("");
  const margin = " ".repeat(label + 1);
  return [
    ...rows,
    style("dim", `${margin}└${axis}`),
    style(
      "dim",
      `${margin} ${placeLabels(columns, length, window === undefined ? undefined : { at: window, nativeWindow })}`,
    ),
    style("dim", `${margin} ${texts.axis}${window === undefined ? "" : ` · │ ${texts.nativeWindow(nativeWindow)}`}`),
    ...legend(cells, width),
  ];
}

/** The value that the middle of a row stands for. */
function valueAt(row: number, low: number, high: number): number {
  return high - ((high - low) * row) / (height - 1);
}

/** For every column, the row of the curve there: between the middles of positions it is straight. */
function pathOf(
  { positions, length }: PerplexityCell,
  columns: number,
  low: number,
  high: number,
): readonly (number | undefined)[] {
  const points = positions.map(({ from, to, perplexity }) => ({
    column: ((from + to) / 2 / length) * columns,
    row:
      high === low ? (height - 1) / 2 : ((high - Math.log(Math.max(1e-9, perplexity))) / (high - low)) * (height - 1),
  }));
  return Array.from({ length: columns }, (_, i) => {
    const column = i + 0.5;
    const next = points.findIndex((point) => point.column >= column);
    const [a, b] = [points[next === -1 ? points.length - 1 : Math.max(0, next - 1)], points.at(next)];
    if (!a || !b) return undefined;
    const share = b.column === a.column ? 0 : Math.min(1, Math.max(0, (column - a.column) / (b.column - a.column)));
    return Math.round(a.row + share * (b.row - a.row));
  });
}

function drawLine(grid: readonly string[][], path: readonly (number | undefined)[], mark: string): void {
  let last: number | undefined;
  for (const [column, row] of path.entries()) {
    if (row === undefined) continue;
    const from = last === undefined ? row : last + Math.sign(row - last);
    for (let filled = Math.min(from, row); filled <= Math.max(from, row); filled++) {
      const line = grid[filled];
      if (line) line[column] = mark;
    }
    last = row;
  }
}

function placeLabels(
  columns: number,
  length: number,
  window: { readonly at: number; readonly nativeWindow: number } | undefined,
): string {
  const end = String(length);
  let line = "0";
  if (window) {
    const text = String(window.nativeWindow);
    const start = Math.max(line.length + 1, window.at - Math.floor(text.length / 2));
    if (start + text.length < columns - end.length) line = line.padEnd(start) + text;
  }
  return line.padEnd(columns - end.length) + end;
}

/** As many on a line as there is room for. */
function legend(cells: readonly PerplexityCell[], width: number): readonly string[] {
  const lines: string[] = [];
  let used = Number.POSITIVE_INFINITY;
  for (const [rank, cell] of cells.entries()) {
    const name = safeText(nameMethod(cell));
    const entry = `${style(colours[rank % colours.length]!, marks[rank % marks.length]!)} ${name}`;
    const wide = 2 + name.length;
    if (used + 3 + wide > width) {
      lines.push(entry);
      used = wide;
    } else {
      lines.push(`${lines.pop()}   ${entry}`);
      used += 3 + wide;
    }
  }
  return lines;
}
