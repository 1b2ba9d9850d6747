import { areaY, dot, line } from "@observablehq/plot";
import type { PositionCell } from "../result.ts";
import { axisBelow, axisBeside } from "./axes.ts";
import type { Html } from "./html.ts";
import { formatLength } from "./numbers.ts";
import { type ChartWords, drawChart } from "./plot.ts";
import { colourOf, dashesOf, type Series, symbolOf } from "./series.ts";
import { valueAxis } from "./value-axis.ts";
import { windowMarks } from "./window-marks.ts";

export interface PositionLine {
  readonly series: Series;
  readonly positions: readonly PositionCell[];
}

export interface PositionAxes {
  readonly positionLabel: string;
  readonly valueLabel: string;
  /** Of the text, in tokens. */
  readonly length: number;
  /** In tokens. */
  readonly window: number;
  readonly windowLabel: string;
}

interface Point {
  readonly position: number;
  readonly value: number;
  readonly interval?: PositionCell["interval"];
}

/** Perplexity by position in the text, with bands for its intervals. */
export function positionChart(id: string, words: ChartWords, lines: readonly PositionLine[], axes: PositionAxes): Html {
  const { positionLabel, valueLabel, length, window, windowLabel } = axes;
  const drawn = lines.map(({ series, positions }) => ({
    series,
    points: positions
      .filter(({ tokens }) => tokens > 0)
      .map(({ from, to, perplexity, interval }): Point => ({ position: (from + to) / 2, value: perplexity, interval })),
  }));
  const {
    scale: values,
    ticks,
    tickFormat,
  } = valueAxis(
    "ratio",
    drawn.flatMap(({ points }) => points),
  );
  const quarters = [0, 0.25, 0.5, 0.75, 1].map((part) => part * length);
  return drawChart(id, words, {
    height: 280,
    marginLeft: 54,
    marginRight: 12,
    marginTop: 40,
    marginBottom: 40,
    x: { domain: [0, length] },
    y: values,
    marks: [
      ...windowMarks({ window, label: windowLabel, domain: [0, length] }),
      ...axisBeside(ticks, valueLabel, tickFormat),
      axisBelow(quarters, positionLabel, (tokens) => formatLength(Math.round(tokens))),
      ...drawn.map(({ series, points }) =>
        areaY(points, {
          x: "position",
          y1: ({ interval }: Point) => interval?.[0] ?? Number.NaN,
          y2: ({ interval }: Point) => interval?.[1] ?? Number.NaN,
          ...{ fill: colourOf(series), fillOpacity: Math.min(0.13, 0.5 / drawn.length), clip: true },
        }),
      ),
      ...drawn.flatMap(({ series, points }) => {
        const place = { x: "position", y: "value", stroke: colourOf(series), clip: true } as const;
        const some = points.filter((_, index) => index % 4 === series.style % 4 || points.length < 4);
        return [
          line(points, { ...place, strokeWidth: 2, strokeDasharray: dashesOf(series) }),
          dot(some, { ...place, symbol: symbolOf(series), r: 4, fill: "var(--surface)", strokeWidth: 2 }),
        ];
      }),
    ],
  });
}
