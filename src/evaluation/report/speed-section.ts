import type { SpeedCell } from "../result.ts";
import { figure, figures, figureTable, identify, legend, type ReportContext, type Section } from "./fragments.ts";
import { type Html, html } from "./html.ts";
import { lengthChart } from "./length-chart.ts";
import { formatBytes, formatCount, formatLength, formatNumber } from "./numbers.ts";
import { cellsOf } from "./series.ts";

const mebibyte = 2 ** 20;

/** Rates and memory by length. */
export function speedSection(context: ReportContext): Section | undefined {
  const { texts, result } = context;
  const cells = result.cells.filter((cell) => cell.suite === "speed");
  if (cells.length === 0) return undefined;
  const series = context.series.filter((each) => cellsOf(cells, each).length > 0);
  const draw = (
    chart: "prefill" | "decode" | "memory",
    read: (cell: SpeedCell) => number | undefined,
  ): readonly Html[] => {
    const lines = series.map((each) => ({
      series: each,
      points: cellsOf(cells, each).flatMap((cell) => {
        const value = read(cell);
        return value === undefined ? [] : [{ length: cell.length, value }];
      }),
    }));
    const values = lines.flatMap(({ points }) => points.map(({ value }) => value));
    if (values.length === 0) return [];
    const description = texts.describe(formatNumber(Math.min(...values)), formatNumber(Math.max(...values)));
    const { nativeWindow } = result.subject;
    const drawn = lengthChart(identify(context, "speed", chart), { title: texts.charts[chart], description }, lines, {
      ...{ lengthLabel: texts.axes.length, valueLabel: texts.axes[chart], scale: "amount" },
      ...{ window: nativeWindow, windowLabel: texts.windowMark(formatLength(nativeWindow)) },
    });
    return [figure(texts.charts[chart], drawn)];
  };
  const { method, length, samples, prefill, decode, memory } = texts.columns;
  const rows = series.flatMap((each) =>
    cellsOf(cells, each).map((cell) => [
      ...[each.label, formatCount(cell.length), formatCount(cell.samples)],
      ...[formatNumber(cell.prefillRate), formatNumber(cell.decodeRate)],
      cell.cacheBytes === undefined ? "–" : formatBytes(cell.cacheBytes),
    ]),
  );
  const content = html`<p>${texts.intros.speed}</p>
${legend(series, texts.legend)}
${figures([
  ...draw("prefill", ({ prefillRate }) => prefillRate),
  ...draw("decode", ({ decodeRate }) => decodeRate),
  ...draw("memory", ({ cacheBytes }) => cacheBytes && cacheBytes / mebibyte),
])}
${figureTable(context, { caption: texts.headings.speed, columns: [method, length, samples, prefill, decode, memory], rows })}`;
  return { name: "speed", heading: texts.headings.speed, content };
}
