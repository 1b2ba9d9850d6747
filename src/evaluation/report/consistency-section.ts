import { formatRate, formatRateInterval } from "../format-number.ts";
import type { ConsistencyCell } from "../result.ts";
import { figure, figures, figureTable, identify, legend, type ReportContext, type Section } from "./fragments.ts";
import { type Html, html } from "./html.ts";
import { type LengthPoint, lengthChart } from "./length-chart.ts";
import { formatCount, formatInterval, formatLength, formatNumber } from "./numbers.ts";
import { nameSeries } from "./series.ts";
import type { Scale } from "./value-axis.ts";

/** What growth, steps and small caches cost. */
export function consistencySection(context: ReportContext): Section | undefined {
  const { texts, result } = context;
  const cells = result.cells.filter((cell) => cell.suite === "consistency");
  if (cells.length === 0) return undefined;
  // `growth-recompute` and `growth-rerotate` belong together.
  const kinds = [...Map.groupBy(cells, ({ task }) => task.split("-")[0]!)];
  const content = html`<p>${texts.intros.consistency}</p>
${kinds.map(([kind, members], index) => writeKind(context, index, nameIn(texts.comparisonKinds, kind), groupCells(context, members)))}
<p class="note">${texts.bandNote}</p>
${figureTable(context, consistencyTable(context, groupCells(context, cells)))}`;
  return { name: "consistency", heading: texts.headings.consistency, content };
}

interface Group {
  readonly label: string;
  readonly members: readonly ConsistencyCell[];
}

/** By what is compared and by the method, as far as there are several of each. */
function groupCells({ texts, series }: ReportContext, cells: readonly ConsistencyCell[]): readonly Group[] {
  const groups = [...Map.groupBy(cells, ({ task, method, factor }) => JSON.stringify([task, method, factor])).values()];
  const tasks = new Set(cells.map(({ task }) => task));
  const methods = new Set(cells.map(({ method, factor }) => JSON.stringify([method, factor])));
  return groups.map((members) => {
    const { task, method, factor } = members[0]!;
    const name = nameIn(texts.comparisons, task);
    const way = series.find((each) => each.method === method && each.factor === factor)!.label;
    const label = methods.size === 1 ? name : tasks.size === 1 ? way : texts.titled(way, name);
    return { label, members: members.toSorted((a, b) => a.length - b.length) };
  });
}

function nameIn(names: Readonly<Record<string, string>>, name: string): string {
  return Object.hasOwn(names, name) ? names[name]! : name;
}

function writeKind(context: ReportContext, index: number, heading: string, groups: readonly Group[]): Html {
  const { texts, result } = context;
  const { nativeWindow } = result.subject;
  const own = nameSeries(groups.map(({ label }) => label));
  // Where methods are compared they look as everywhere else.
  const series = own.map((each) => context.series.find(({ label }) => label === each.label) ?? each);
  const draw = (
    chart: "divergence" | "agreement" | "ratio",
    scale: Scale,
    pointOf: (cell: ConsistencyCell) => LengthPoint,
  ): Html => {
    const lines = groups.map(({ members }, number) => ({ series: series[number]!, points: members.map(pointOf) }));
    const values = lines.flatMap(({ points }) => points.map(({ value }) => value));
    const format = scale === "share" ? formatRate : formatNumber;
    const description = texts.describe(format(Math.min(...values)), format(Math.max(...values)));
    const words = { title: texts.titled(heading, texts.charts[chart]), description };
    const drawn = lengthChart(identify(context, "consistency", index, chart), words, lines, {
      ...{ lengthLabel: texts.axes.length, valueLabel: texts.axes[chart], scale },
      ...{ window: nativeWindow, windowLabel: texts.windowMark(formatLength(nativeWindow)) },
    });
    return figure(texts.charts[chart], drawn);
  };
  return html`<h3>${heading}</h3>
${legend(series, texts.columns.comparison)}
${figures([
  draw("divergence", "amount", ({ length, divergence, divergenceInterval }) => ({
    ...{ length, value: divergence, interval: divergenceInterval },
  })),
  draw("agreement", "share", ({ length, agreement, agreementInterval }) => ({
    ...{ length, value: agreement, interval: agreementInterval },
  })),
  draw("ratio", "ratio", ({ length, perplexityRatio, ratioInterval }) => ({
    ...{ length, value: perplexityRatio, interval: ratioInterval },
  })),
])}`;
}

function consistencyTable({ texts }: ReportContext, groups: readonly Group[]) {
  const { columns } = texts;
  const optional = (value: number | undefined): string => (value === undefined ? "–" : formatNumber(value));
  const rows = groups.flatMap(({ label, members }) =>
    members.map((cell) => [
      ...[label, formatCount(cell.length), formatCount(cell.samples), formatNumber(cell.divergence)],
      cell.divergenceInterval ? formatInterval(cell.divergenceInterval) : "–",
      formatRate(cell.agreement),
      cell.agreementInterval ? `${formatRateInterval(cell.agreementInterval)}%` : "–",
      ...[formatNumber(cell.perplexity), formatNumber(cell.exactPerplexity)],
      formatRatio(cell.perplexityRatio),
      cell.ratioInterval ? cell.ratioInterval.map(formatRatio).join("–") : "–",
      ...[optional(cell.seconds), optional(cell.exactSeconds)],
    ]),
  );
  const { comparison, length, samples, divergence, interval, agreement, perplexity, exactPerplexity, ratio } = columns;
  const names = [comparison, length, samples, divergence, interval, agreement, interval, perplexity, exactPerplexity];
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
