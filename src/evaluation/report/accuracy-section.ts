import { formatRate, formatRateInterval } from "../format-number.ts";
import type { AccuracyCell } from "../result.ts";
import {
  figure,
  figures,
  figureTable,
  folded,
  identify,
  legend,
  type ReportContext,
  type Section,
} from "./fragments.ts";
import { type HeatCell, heatLegend, heatMap } from "./heat-map.ts";
import { type Html, html } from "./html.ts";
import { lengthChart } from "./length-chart.ts";
import { formatCount, formatLength } from "./numbers.ts";
import { cellsOf, type Series } from "./series.ts";

/** Pass keys, or retrieval. */
export function accuracySection(context: ReportContext, suite: AccuracyCell["suite"]): Section | undefined {
  const { result, texts } = context;
  const cells = result.cells.filter((cell): cell is AccuracyCell => cell.suite === suite);
  if (cells.length === 0) return undefined;
  const tasks = [...Map.groupBy(cells, ({ task }) => task)];
  const series = context.series.filter((each) => cellsOf(cells, each).length > 0);
  const charts = tasks.map(([task, members], index) =>
    byLength(context, suite, index, tasks.length > 1 ? task : texts.charts.accuracyByLength, members, series),
  );
  const content = html`<p>${texts.intros[suite]}</p>
${heatLegend(texts.heatLegend)}
${tasks.length > 1 ? byTask(context, suite, cells, series) : tasks.map(([, members]) => byDepth(context, suite, 0, members, series))}
${legend(series, texts.legend)}
${figures(charts)}
<p class="note">${texts.intervalNote}</p>
${tasks.length > 1 ? tasks.map(([task, members], index) => foldedByDepth(context, suite, index, task, members, series)) : undefined}
${figureTable(context, accuracyTable(context, cells, suite))}
${depthTable(context, cells)}`;
  return { name: suite, heading: texts.headings[suite], content };
}

function byLength(
  context: ReportContext,
  suite: string,
  index: number,
  title: string,
  cells: readonly AccuracyCell[],
  series: readonly Series[],
): Html {
  const { texts, result } = context;
  const lines = series.map((each) => ({
    series: each,
    points: cellsOf(cells, each).map(({ length, accuracy, interval }) => ({ length, value: accuracy, interval })),
  }));
  const { nativeWindow } = result.subject;
  const chart = lengthChart(
    identify(context, suite, "length", index),
    { title: texts.titled(texts.headings[cells[0]!.suite], title), description: describeRates(context, cells) },
    lines,
    {
      ...{ lengthLabel: texts.axes.length, valueLabel: texts.axes.accuracy, scale: "rate" },
      ...{ window: nativeWindow, windowLabel: texts.windowMark(formatLength(nativeWindow)) },
    },
  );
  return figure(title, chart);
}

/** A map for each method, length by depth; nothing of tasks without a depth. */
function byDepth(
  context: ReportContext,
  suite: string,
  index: number,
  cells: readonly AccuracyCell[],
  series: readonly Series[],
): Html | undefined {
  const { texts } = context;
  const placed = cells.filter(({ depths }) => depths !== undefined);
  if (placed.length === 0) return undefined;
  const rows = depthRows(placed);
  const maps = series.map((each, number) => {
    const own = cellsOf(placed, each);
    const heat = own.flatMap(({ length, depths = [] }) =>
      depths.map(
        ({ depth, accuracy }): HeatCell => ({ column: formatLength(length), row: nameDepth(depth), rate: accuracy }),
      ),
    );
    const words = {
      title: texts.titled(each.label, texts.charts.accuracyByDepth),
      description: describeRates(context, own),
    };
    const id = identify(context, suite, "depth", index, number);
    const axes = {
      columns: lengthColumns(placed),
      rows,
      columnLabel: texts.axes.length,
      rowLabel: texts.axes.depth,
      rowWidth: 78,
    };
    return figure(each.label, heatMap(id, words, heat, axes));
  });
  return figures(maps);
}

function foldedByDepth(
  context: ReportContext,
  suite: string,
  index: number,
  task: string,
  cells: readonly AccuracyCell[],
  series: readonly Series[],
): Html | undefined {
  const maps = byDepth(context, suite, index, cells, series);
  return maps && folded(context.texts.titled(context.texts.depthMaps, task), maps);
}

/** A map for each method, length by task. */
function byTask(
  context: ReportContext,
  suite: string,
  cells: readonly AccuracyCell[],
  series: readonly Series[],
): Html {
  const { texts } = context;
  const rows = [...new Set(cells.map(({ task }) => task))];
  const rowWidth = Math.min(190, 16 + 8 * Math.max(...rows.map((task) => task.length)));
  const maps = series.map((each, number) => {
    const own = cellsOf(cells, each);
    const heat = own.map(
      ({ task, length, accuracy }): HeatCell => ({ column: formatLength(length), row: task, rate: accuracy }),
    );
    const words = {
      title: texts.titled(each.label, texts.charts.accuracyByTask),
      description: describeRates(context, own),
    };
    const axes = { columns: lengthColumns(cells), rows, columnLabel: texts.axes.length, rowLabel: texts.axes.task };
    return figure(each.label, heatMap(identify(context, suite, "tasks", number), words, heat, { ...axes, rowWidth }));
  });
  return figures(maps);
}

function accuracyTable(
  { texts, series }: ReportContext,
  cells: readonly AccuracyCell[],
  suite: "passkey" | "retrieval",
) {
  const { columns } = texts;
  const rows = series.flatMap((each) =>
    cellsOf(cells, each).map(({ task, length, samples, accuracy, interval }) => [
      ...[each.label, task, formatCount(length), formatCount(samples)],
      ...[formatRate(accuracy), `${formatRateInterval(interval)}%`],
    ]),
  );
  return {
    caption: texts.titled(texts.headings[suite], texts.charts.accuracyByLength),
    columns: [columns.method, columns.task, columns.length, columns.samples, columns.accuracy, columns.interval],
    rows,
    words: 2,
  };
}

function depthTable(context: ReportContext, cells: readonly AccuracyCell[]): Html | undefined {
  const { texts, series } = context;
  const { columns } = texts;
  const rows = series.flatMap((each) =>
    cellsOf(cells, each).flatMap(({ task, length, depths = [] }) =>
      depths.map(({ depth, samples, accuracy, interval }) => [
        ...[each.label, task, formatCount(length), nameDepth(depth), formatCount(samples)],
        ...[formatRate(accuracy), `${formatRateInterval(interval)}%`],
      ]),
    ),
  );
  if (rows.length === 0) return undefined;
  const { method, task, length, depth, samples, accuracy, interval } = columns;
  const caption = texts.titled(texts.headings[cells[0]!.suite], texts.charts.accuracyByDepth);
  const names = [method, task, length, depth, samples, accuracy, interval];
  return figureTable(context, { caption, columns: names, rows, words: 2 });
}

function lengthColumns(cells: readonly AccuracyCell[]): readonly string[] {
  const lengths = [...new Set(cells.map(({ length }) => length))].sort((a, b) => a - b);
  return lengths.map(formatLength);
}

function depthRows(cells: readonly AccuracyCell[]): readonly string[] {
  const depths = cells.flatMap((cell) => cell.depths ?? []).map(({ depth }) => depth);
  return [...new Set(depths.toSorted(([a], [b]) => a - b).map(nameDepth))];
}

function nameDepth([from, to]: readonly [number, number]): string {
  return `${Math.round(from * 100)}–${Math.round(to * 100)}%`;
}

function describeRates({ texts }: ReportContext, cells: readonly AccuracyCell[]): string {
  const rates = cells.map(({ accuracy }) => accuracy);
  return texts.describe(formatRate(Math.min(...rates)), formatRate(Math.max(...rates)));
}
