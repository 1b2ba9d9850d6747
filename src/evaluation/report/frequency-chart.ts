import { dot, line, link, rect, ruleX, ruleY, text } from "@observablehq/plot";
import { axisBelow, axisBeside } from "./axes.ts";
import type { Html } from "./html.ts";
import { formatNumber } from "./numbers.ts";
import { type ChartWords, chartText, drawChart } from "./plot.ts";
import { colourOf, dashesOf, type Series, symbolOf } from "./series.ts";
import type { PairKind, StretchedPair } from "./stretched-pairs.ts";
import { ratioTicks } from "./value-axis.ts";

const looks = {
  kept: { colour: "var(--kept)", symbol: "circle" },
  blended: { colour: "var(--blended)", symbol: "diamond" },
  interpolated: { colour: "var(--interpolated)", symbol: "triangle" },
} as const;

const margins = { marginLeft: 56, marginRight: 10, marginTop: 48, marginBottom: 40 } as const;

/** The wavelength of each pair before and after, against the window: which of them YaRN keeps, blends, and interpolates. */
export function wavelengthChart(
  id: string,
  words: ChartWords,
  pairs: readonly StretchedPair[],
  labels: Readonly<Record<"pair" | "wavelength" | "window" | PairKind, string>> & { readonly originalWindow: number },
): Html {
  const groups = [...Map.groupBy(pairs, ({ kind }) => kind)];
  const ends = [labels.originalWindow, ...pairs.flatMap(({ before, after }) => [before, after])];
  const [least, largest] = [Math.min(...ends), Math.max(...ends)];
  const ticks = ratioTicks(least, largest);
  return drawChart(id, words, {
    height: 320,
    ...margins,
    x: { domain: [-0.5, pairs.length - 0.5] },
    y: { type: "log", domain: [least / 1.5, largest * 1.5] },
    marks: [
      ...groups.map(([kind, members], index) =>
        rect([kind], {
          x1: members[0]!.pair - 0.5,
          x2: members.at(-1)!.pair + 0.5,
          ...{ fill: looks[kind].colour, fillOpacity: index % 2 === 0 ? 0.12 : 0.2 },
        }),
      ),
      ...axisBeside(ticks, labels.wavelength, formatNumber),
      axisBelow(pairTicks(pairs.length), labels.pair, formatNumber),
      ruleY([labels.originalWindow], { stroke: "currentColor", strokeDasharray: "4 3" }),
      text([labels.originalWindow], {
        ...{ ...chartText, y: labels.originalWindow, frameAnchor: "left", textAnchor: "start", dx: 6, dy: -9 },
        text: () => labels.window,
      }),
      link(pairs, {
        ...{ x: "pair", y1: "before", y2: "after", strokeWidth: 1.5 },
        stroke: ({ kind }: StretchedPair) => looks[kind].colour,
      }),
      dot(pairs, { x: "pair", y: "before", r: 2, fill: "currentColor", fillOpacity: 0.6 }),
      ...groups.flatMap(([kind, members]) => [
        dot(members, {
          ...{ x: "pair", y: "after", r: pairs.length > 48 ? 2.6 : 4, strokeWidth: 1.6, symbol: looks[kind].symbol },
          ...{ fill: "var(--surface)", stroke: looks[kind].colour },
        }),
        text([members], {
          ...{ ...chartText, fontWeight: 600, frameAnchor: "top", lineAnchor: "bottom", dy: -5 },
          x: (members[0]!.pair + members.at(-1)!.pair) / 2,
          text: () => `${labels[kind]} ${members.length}`,
        }),
      ]),
    ],
  });
}

export interface StretchLine {
  readonly series: Series;
  readonly pairs: readonly StretchedPair[];
}

/** How many times as long each method makes the wavelength of each pair. */
export function stretchChart(
  id: string,
  words: ChartWords,
  lines: readonly StretchLine[],
  labels: { readonly pair: string; readonly stretch: string },
): Html {
  const ends = lines.flatMap(({ pairs }) => pairs.map(({ before, after }) => after / before));
  const largest = Math.max(...ends);
  const ticks = Array.from({ length: 24 }, (_, power) => 2 ** power).filter((tick) => tick <= largest * 1.01);
  const count = lines[0]!.pairs.length;
  return drawChart(id, words, {
    height: 320,
    ...margins,
    x: { domain: [-0.5, count - 0.5] },
    y: { type: "log", base: 2, domain: [0.93, largest * 1.08] },
    marks: [
      ruleX([-0.5], { stroke: "currentColor", strokeOpacity: 0.3 }),
      ...axisBeside(ticks, labels.stretch, formatNumber),
      axisBelow(pairTicks(count), labels.pair, formatNumber),
      ...lines.flatMap(({ series, pairs }) => {
        const place = {
          x: "pair",
          y: ({ before, after }: StretchedPair) => after / before,
          stroke: colourOf(series),
        } as const;
        const every = Math.ceil(count / 8);
        const some = pairs.filter(({ pair }) => pair % every === series.style % every);
        return [
          line(pairs, { ...place, strokeWidth: 2, strokeDasharray: dashesOf(series) }),
          dot(some, { ...place, symbol: symbolOf(series), r: 4, fill: "var(--surface)", strokeWidth: 2 }),
        ];
      }),
    ],
  });
}

/** Every other pair, every eighth, as many as there is room for. */
function pairTicks(count: number): readonly number[] {
  const step = 2 ** Math.max(0, Math.ceil(Math.log2(count / 9)));
  return Array.from({ length: Math.ceil(count / step) }, (_, index) => index * step);
}
