import type { ConsistencyCell } from "../result.ts";
import { figure, figures, figureTable, identify, legend, type ReportContext, type Section } from "./fragments.ts";
import { type Html, html } from "./html.ts";
import { type LengthPoint, lengthChart } from "./length-chart.ts";
import { formatCount, formatInterval, formatLength, formatNumber, formatPercent } from "./numbers.ts";
import { nameSeries } from "./series.ts";
import type { Scale } from "./value-axis.ts";

/** What growth, steps and small caches cost. */
export function consistencySection(context: ReportContext): Section | undefined {
  const { texts, result } = context;
  const cells = result.cells.filter((cell) => cell.suite === "consistency");
  if (cells.length === 0) return undefined;
  const groups = groupCells(context, cells);
  const series = nameSeries(groups.map(({ label }) => label));
  const draw = (
    chart: "divergence" | "agreement" | "ratio",
    axis: string,
    scale: Scale,
    pointOf: (cell: ConsistencyCell) => LengthPoint,
  ): Html => {
    const lines = groups.map(({ members }, index) => ({ series: series[index]!, points: members.map(pointOf) }));
    const values = lines.flatMap(({ points }) => points.map(({ value }) => value));
    const format = scale === "share" ? formatPercent : formatNumber;
    const description = texts.describe(format(Math.min(...values)), format(Math.max(...values)));
    const { nativeWindow } = result.subject;
    const drawn = lengthChart(
      identify(context, "consistency", chart),
      { title: texts.charts[chart], description },
      lines,
      {
        ...{ lengthLabel: texts.axes.length, valueLabel: axis, scale },
        ...{ window: nativeWindow, windowLabel: texts.windowMark(formatLength(nativeWindow)) },
      },
    );
    return figure(texts.charts[chart], drawn);
  };
  const content = html`<p>${texts.intros.consistency}</p>
${legend(series, texts.columns.comparison)}
${figures([
  draw("divergence", texts.axes.divergence, "amount", ({ length, divergence, divergenceInterval }) => ({
    ...{ length, value: divergence, interval: divergenceInterval },
  })),
  draw("agreement", texts.axes.agreement, "share", ({ length, agreement }) => ({ length, value: agreement })),
  draw("ratio", texts.axes.excess, "ratio", ({ length, perplexityRatio, ratioInterval }) => ({
    ...{ length, value: perplexityRatio, interval: ratioInterval },
  })),
])}
<p class="note">${texts.bandNote}</p>
${figureTable(context, consistencyTable(context, groups))}`;
  return { name: "consistency", heading: texts.headings.consistency, content };
}

interface Group {
  readonly label: string;
  readonly members: readonly ConsistencyCell[];
}

/** By what is compared, and by the method where there are several. */
function groupCells({ texts, series }: ReportContext, cells: readonly ConsistencyCell[]): readonly Group[] {
  const groups = Map.groupBy(cells, ({ task, method, factor }) => JSON.stringify([task, method, factor]));
  const methods = new Set(cells.map(({ method, factor }) => JSON.stringify([method, factor])));
  return [...groups.values()].map((members) => {
    const { task, method, factor } = members[0]!;
    const name = Object.hasOwn(texts.comparisons, task) ? texts.comparisons[task]! : task;
    const way = series.find((each) => each.method === method && each.factor === factor)!.label;
    return {
      label: methods.size > 1 ? texts.titled(name, way) : name,
      members: members.toSorted((a, b) => a.length - b.length),
    };
  });
}

function consistencyTable({ texts }: ReportContext, groups: readonly Group[]) {
  const { columns } = texts;
  const optional = (value: number | undefined): string => (value === undefined ? "–" : formatNumber(value));
  const rows = groups.flatMap(({ label, members }) =>
    members.map((cell) => [
      ...[label, formatCount(cell.length), formatCount(cell.samples), formatNumber(cell.divergence)],
      cell.divergenceInterval ? formatInterval(cell.divergenceInterval) : "–",
      ...[formatPercent(cell.agreement), formatNumber(cell.perplexity), formatNumber(cell.exactPerplexity)],
      formatRatio(cell.perplexityRatio),
      cell.ratioInterval ? cell.ratioInterval.map(formatRatio).join("–") : "–",
      ...[optional(cell.seconds), optional(cell.exactSeconds)],
    ]),
  );
  const { comparison, length, samples, divergence, interval, agreement, perplexity, exactPerplexity, ratio } = columns;
  const names = [comparison, length, samples, divergence, interval, agreement, perplexity, exactPerplexity];
  return {
    caption: texts.headings.consistency,
    columns: [...names, ratio, interval, columns.seconds, columns.exactSeconds],
    rows,
  };
}

/** Near one, where three digits say nothing. */
function formatRatio(ratio: number): string {
  return ratio.toFixed(4);
}
