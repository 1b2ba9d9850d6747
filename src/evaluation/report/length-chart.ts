import { dot, line, ruleX } from "@observablehq/plot";
import type { Interval } from "../result.ts";
import { axisBelow, axisBeside } from "./axes.ts";
import type { Html } from "./html.ts";
import { formatLength } from "./numbers.ts";
import { type ChartWords, drawChart } from "./plot.ts";
import { colourOf, dashesOf, type Series, symbolOf } from "./series.ts";
import { type Scale, valueAxis } from "./value-axis.ts";
import { windowMarks } from "./window-marks.ts";

export interface LengthPoint {
  /** In tokens. */
  readonly length: number;
  readonly value: number;
  readonly interval?: Interval | undefined;
}

export interface LengthLine {
  readonly series: Series;
  readonly points: readonly LengthPoint[];
}

export interface LengthAxes {
  readonly lengthLabel: string;
  readonly valueLabel: string;
  readonly scale: Scale;
  /** In tokens. */
  readonly window: number;
  readonly windowLabel: string;
}

/** Between two series at the same length, so that their intervals can be told apart; less where they are many. */
const shift = 5;
const mostShift = 40;

/** Values by length, with their intervals. */
export function lengthChart(id: string, words: ChartWords, lines: readonly LengthLine[], axes: LengthAxes): Html {
  const { lengthLabel, valueLabel, scale, window, windowLabel } = axes;
  const points = lines.flatMap((each) => each.points);
  const lengths = [...new Set(points.map(({ length }) => length))].sort((a, b) => a - b);
  const domain: Interval = [Math.min(...lengths) / 1.35, Math.max(...lengths) * 1.35];
  const { scale: values, ticks, tickFormat } = valueAxis(scale, points);
  return drawChart(id, words, {
    height: 280,
    marginLeft: 54,
    marginRight: 8,
    marginTop: 40,
    insetTop: 9,
    marginBottom: 40,
    x: { type: "log", domain },
    y: values,
    marks: [
      ...windowMarks({ window, label: windowLabel, domain, isLogarithmic: true }),
      ...axisBeside(ticks, valueLabel, tickFormat),
      axisBelow(apart(lengths), lengthLabel, formatLength),
      ...lines.flatMap(({ series, points }, index) => {
        const dx = (index - (lines.length - 1) / 2) * Math.min(shift, mostShift / lines.length);
        const place = { x: "length", y: "value", dx, stroke: colourOf(series), clip: true } as const;
        return [
          line(points, { ...place, strokeWidth: 2, strokeDasharray: dashesOf(series) }),
          ruleX(
            points.filter(({ interval }) => interval),
            {
              x: "length",
              y1: ({ interval }: LengthPoint) => interval?.[0],
              y2: ({ interval }: LengthPoint) => interval?.[1],
              ...{ dx, stroke: colourOf(series), strokeWidth: 2, strokeOpacity: 0.55, clip: true },
            },
          ),
          dot(points, {
            ...place,
            clip: false,
            symbol: symbolOf(series),
            r: 4,
            fill: "var(--surface)",
            strokeWidth: 2,
          }),
        ];
      }),
    ],
  });
}

/** Those whose names have room beside each other on a logarithmic scale. */
function apart(lengths: readonly number[]): readonly number[] {
  const least = Math.max(1.15, (lengths.at(-1)! / lengths[0]!) ** (1 / 9));
  let last = 0;
  return lengths.filter((length) => {
    if (length < last * least) return false;
    last = length;
    return true;
  });
}
