import type { PerplexityCell } from "../result.ts";
import { figure, figures, figureTable, identify, legend, type ReportContext, type Section } from "./fragments.ts";
import { type Html, html } from "./html.ts";
import { lengthChart } from "./length-chart.ts";
import { formatCount, formatInterval, formatLength, formatNumber } from "./numbers.ts";
import { positionChart } from "./position-chart.ts";
import { cellsOf, type Series } from "./series.ts";

/** Perplexity by length, and by position at each length. */
export function perplexitySection(context: ReportContext): Section | undefined {
  const { result, texts } = context;
  const cells = result.cells.filter((cell) => cell.suite === "perplexity");
  if (cells.length === 0) return undefined;
  const series = context.series.filter((each) => cellsOf(cells, each).length > 0);
  const byTask = [...Map.groupBy(cells, ({ task }) => task)];
  const curves = [...Map.groupBy(cells, ({ length }) => length)]
    .toSorted(([a], [b]) => b - a)
    .map(([length, members]) => byPosition(context, length, members, series));
  const content = html`<p>${texts.intros.perplexity}</p>
${legend(series, texts.legend)}
${figures(byTask.map(([task, members]) => byLength(context, task, members, series)))}
${figures(curves.flatMap((curve) => curve ?? []))}
<p class="note">${texts.bandNote}</p>
${lengthTable(context, cells)}
${positionTable(context, cells)}`;
  return { name: "perplexity", heading: texts.headings.perplexity, content };
}

function byLength(
  context: ReportContext,
  task: string,
  cells: readonly PerplexityCell[],
  series: readonly Series[],
): Html {
  const { texts, result } = context;
  const lines = series.map((each) => ({
    series: each,
    points: cellsOf(cells, each).map(({ length, perplexity, interval }) => ({ length, value: perplexity, interval })),
  }));
  const { nativeWindow } = result.subject;
  const title = nameTask(context, task);
  const chart = lengthChart(
    identify(context, "perplexity", "length", task === "whole" ? 0 : 1),
    { title: texts.titled(texts.headings.perplexity, title), description: describe(context, cells) },
    lines,
    {
      ...{ lengthLabel: texts.axes.length, valueLabel: texts.axes.perplexity, scale: "ratio" },
      ...{ window: nativeWindow, windowLabel: texts.windowMark(formatLength(nativeWindow)) },
    },
  );
  return figure(title, chart);
}

function byPosition(
  context: ReportContext,
  length: number,
  cells: readonly PerplexityCell[],
  series: readonly Series[],
): Html | undefined {
  const { texts, result } = context;
  const lines = series.flatMap((each) =>
    cellsOf(cells, each)
      .filter(({ positions }) => positions.length > 0)
      .map(({ positions }) => ({ series: each, positions })),
  );
  if (lines.length === 0) return undefined;
  const { nativeWindow } = result.subject;
  const note = texts.atLength(formatCount(length));
  const chart = positionChart(
    identify(context, "perplexity", "position", length),
    {
      title: texts.titled(texts.titled(texts.headings.perplexity, texts.charts.byPosition), note),
      description: describe(
        context,
        lines.flatMap(({ positions }) => positions),
      ),
    },
    lines,
    {
      ...{ positionLabel: texts.axes.position, valueLabel: texts.axes.perplexity, length },
      ...{ window: nativeWindow, windowLabel: texts.windowMark(formatLength(nativeWindow)) },
    },
  );
  return figure(texts.charts.byPosition, chart, note);
}

function lengthTable(context: ReportContext, cells: readonly PerplexityCell[]): Html {
  const { texts, series } = context;
  const { method, task, length, samples, perplexity, interval } = texts.columns;
  const rows = series.flatMap((each) =>
    cellsOf(cells, each).map((cell) => [
      ...[each.label, nameTask(context, cell.task), formatCount(cell.length), formatCount(cell.samples)],
      ...[formatNumber(cell.perplexity), cell.interval ? formatInterval(cell.interval) : "–"],
    ]),
  );
  const columns = [method, task, length, samples, perplexity, interval];
  return figureTable(context, { caption: texts.headings.perplexity, columns, rows, words: 2 });
}

function positionTable(context: ReportContext, cells: readonly PerplexityCell[]): Html | undefined {
  const { texts, series } = context;
  const rows = series.flatMap((each) =>
    cellsOf(cells, each).flatMap((cell) =>
      cell.positions.map(({ from, to, perplexity, interval }) => [
        ...[each.label, formatCount(cell.length), `${formatCount(from)}–${formatCount(to - 1)}`],
        ...[formatNumber(perplexity), interval ? formatInterval(interval) : "–"],
      ]),
    ),
  );
  if (rows.length === 0) return undefined;
  const { method, length, positions, perplexity, interval } = texts.columns;
  const caption = texts.titled(texts.headings.perplexity, texts.charts.byPosition);
  return figureTable(context, { caption, columns: [method, length, positions, perplexity, interval], rows });
}

function nameTask({ texts }: ReportContext, task: string): string {
  return task === "whole" || task === "sliding" ? texts.charts[task] : task;
}

function describe({ texts }: ReportContext, values: readonly { readonly perplexity: number }[]): string {
  const all = values.map(({ perplexity }) => perplexity).filter(Number.isFinite);
  return texts.describe(formatNumber(Math.min(...all)), formatNumber(Math.max(...all)));
}
