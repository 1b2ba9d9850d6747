import { figure, figures, figureTable, identify, legend, type ReportContext, type Section } from "./fragments.ts";
import { stretchChart, wavelengthChart } from "./frequency-chart.ts";
import { type Html, html } from "./html.ts";
import { formatCount, formatLength, formatNumber } from "./numbers.ts";
import { type PairKind, type StretchedPair, scalingOf, stretchedPairs } from "./stretched-pairs.ts";

/** What the factors that were measured do to the model's frequencies; nothing where these are not known. */
export function frequencySection(context: ReportContext): Section | undefined {
  const { texts, series, result } = context;
  const scaled = series.flatMap((each) => {
    const scaling = scalingOf(each.method);
    const pairs = scaling && stretchedPairs(result.subject, scaling, each.factor);
    return pairs ? [{ series: each, scaling, pairs }] : [];
  });
  if (scaled.length === 0) return undefined;
  // What static, dynamic and continuous do at their largest factor is the same.
  const distinct = [
    ...new Map(scaled.map((each) => [`${each.scaling}/${each.series.factor}`, each] as const).toReversed()).values(),
  ].toReversed();
  const yarns = distinct.filter(({ scaling }) => scaling === "yarn");
  const stretches = stretchChart(
    identify(context, "stretch"),
    {
      title: texts.charts.stretch,
      description: describe(
        context,
        distinct.flatMap(({ pairs }) => pairs.map(({ before, after }) => after / before)),
      ),
    },
    distinct,
    { pair: texts.axes.pair, stretch: texts.axes.stretch },
  );
  const content = html`<p>${texts.intros.frequencies}</p>
${yarns.map(({ series: { factor }, pairs }) => html`<p>${texts.pairSentence({ all: pairs.length, ...count(pairs) }, formatNumber(factor))}</p>`)}
${figures([
  ...yarns.map(({ series: { factor }, pairs }) => wavelengths(context, factor, pairs)),
  html`<div>${figure(texts.charts.stretch, stretches)}${legend(
    distinct.map((each) => each.series),
    texts.legend,
  )}</div>`,
])}
${yarns.map(({ series: { factor }, pairs }) => pairTable(context, factor, pairs))}`;
  return { name: "frequencies", heading: texts.headings.frequencies, content };
}

function wavelengths(context: ReportContext, factor: number, pairs: readonly StretchedPair[]): Html {
  const { texts, result } = context;
  const { originalWindow } = result.subject;
  const note = texts.atFactor(formatNumber(factor));
  const chart = wavelengthChart(
    identify(context, "wavelengths", factor),
    {
      title: texts.titled(texts.charts.wavelengths, note),
      description: `${texts.pairSentence({ all: pairs.length, ...count(pairs) }, formatNumber(factor))} ${describe(
        context,
        pairs.flatMap(({ before, after }) => [before, after]),
      )}`,
    },
    pairs,
    {
      ...{ pair: texts.axes.pair, wavelength: texts.axes.wavelength, ...texts.pairs, originalWindow },
      window: texts.originalWindowMark(formatLength(originalWindow)),
    },
  );
  return figure(texts.charts.wavelengths, chart, note);
}

function pairTable(context: ReportContext, factor: number, pairs: readonly StretchedPair[]): Html {
  const { texts } = context;
  const { pair, before, after, kind } = texts.columns;
  const rows = pairs.map((each) => [
    formatCount(each.pair),
    texts.pairs[each.kind],
    formatNumber(each.before),
    formatNumber(each.after),
  ]);
  const caption = texts.titled(texts.charts.wavelengths, texts.atFactor(formatNumber(factor)));
  return figureTable(context, { caption, columns: [pair, kind, before, after], rows, words: 2 });
}

function count(pairs: readonly StretchedPair[]): Readonly<Record<PairKind, number>> {
  const of = (wanted: PairKind): number => pairs.filter(({ kind }) => kind === wanted).length;
  return { kept: of("kept"), blended: of("blended"), interpolated: of("interpolated") };
}

function describe({ texts }: ReportContext, values: readonly number[]): string {
  return texts.describe(formatNumber(Math.min(...values)), formatNumber(Math.max(...values)));
}
