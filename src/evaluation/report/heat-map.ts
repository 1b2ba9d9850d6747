import { axisX, axisY, cell, text } from "@observablehq/plot";
import { formatRate } from "../format-number.ts";
import { type Html, html } from "./html.ts";
import { type ChartWords, chartText, drawChart } from "./plot.ts";

/** Where one colour ends and the next begins; the style sheet has one more. */
const steps = [0.1, 0.3, 0.5, 0.7, 0.9] as const;

/** A rate, at a place. */
export interface HeatCell {
  readonly column: string;
  readonly row: string;
  /** From 0 to 1. */
  readonly rate: number;
}

export interface HeatAxes {
  readonly columns: readonly string[];
  readonly rows: readonly string[];
  readonly columnLabel: string;
  readonly rowLabel: string;
  /** Units of width that the names of the rows take. */
  readonly rowWidth?: number;
}

/** Rates by two things, each also as a number: per cent. */
export function heatMap(id: string, words: ChartWords, cells: readonly HeatCell[], axes: HeatAxes): Html {
  const { columns, rows, columnLabel, rowLabel, rowWidth = 62 } = axes;
  const place = { x: "column", y: "row" } as const;
  return drawChart(id, words, {
    height: 66 + rows.length * 25,
    marginLeft: rowWidth,
    marginRight: 4,
    marginTop: 26,
    marginBottom: 40,
    x: { domain: columns, padding: 0.03 },
    y: { domain: rows, padding: 0.06 },
    marks: [
      axisX({ label: `${columnLabel} →`, labelAnchor: "right", labelArrow: "none", labelOffset: 38, tickSize: 0 }),
      axisY({ label: `↓ ${rowLabel}`, labelAnchor: "top", labelArrow: "none", labelOffset: rowWidth - 4, tickSize: 0 }),
      cell(cells, { ...place, fill: ({ rate }: HeatCell) => `var(--heat-${stepOf(rate)})`, rx: 3 }),
      text(cells, {
        ...chartText,
        ...place,
        fill: ({ rate }: HeatCell) => `var(--heat-ink-${stepOf(rate)})`,
        text: ({ rate }: HeatCell) => formatRate(rate).slice(0, -1),
        fontWeight: 600,
      }),
    ],
  });
}

/** What the colours of heat maps mean. */
export function heatLegend(label: string): Html {
  const ends = [0, ...steps, 1];
  const swatches = ends
    .slice(1)
    .map(
      (end, step) =>
        html`<li style="background:var(--heat-${step});color:var(--heat-ink-${step})">${ends[step]! * 100}–${end * 100}</li>`,
    );
  return html`<div class="heat-legend"><span>${label}</span><ol>${swatches}</ol></div>`;
}

function stepOf(rate: number): number {
  return steps.filter((step) => rate >= step).length;
}
