import { dot, line } from "@observablehq/plot";
import type { EvaluationResult } from "../result.ts";
import { type Html, html } from "./html.ts";
import { drawSwatch } from "./plot.ts";
import { colourOf, dashesOf, type Series, symbolOf } from "./series.ts";
import type { ReportTexts } from "./texts.ts";

/** What every section is written from. */
export interface ReportContext {
  readonly result: EvaluationResult;
  readonly series: readonly Series[];
  readonly texts: ReportTexts;
}

export interface Section {
  /** Stands in the page's address, after the language. */
  readonly name: string;
  readonly heading: string;
  readonly content: Html;
}

/** An identifier that no other language has. */
export function identify({ texts }: ReportContext, ...parts: readonly (string | number)[]): string {
  return [texts.tag, ...parts].join("-");
}

export function writeSection(context: ReportContext, { name, heading, content }: Section): Html {
  const id = identify(context, name);
  return html`<section id="${id}" aria-labelledby="${id}-heading">
<h2 id="${id}-heading">${heading}</h2>
${content}
</section>`;
}

/** A chart with what it is called. */
export function figure(title: string, chart: Html, note?: string): Html {
  return html`<figure><figcaption><b>${title}</b>${note === undefined ? undefined : html` <span>${note}</span>`}</figcaption>${chart}</figure>`;
}

/** Side by side where there is room. */
export function figures(all: readonly Html[]): Html {
  return html`<div class="figures">${all}</div>`;
}

/** Which line is which. */
export function legend(series: readonly Series[], label: string): Html {
  const entries = series.map((each) => html`<li>${swatch(each)}<span>${each.label}</span></li>`);
  return html`<ul class="legend" aria-label="${label}">${entries}</ul>`;
}

export interface Table {
  readonly caption: string;
  readonly columns: readonly string[];
  /** As many as there are columns; the first names the row. */
  readonly rows: readonly (readonly (string | number)[])[];
  /** How many columns, from the first, are words. */
  readonly words?: number;
}

/** For those who read rather than look. */
export function table({ caption, columns, rows, words = 1 }: Table): Html {
  const kind = (column: number): Html => (column < words ? html` class="words"` : html``);
  const head = columns.map((column, index) => html`<th scope="col"${kind(index)}>${column}</th>`);
  const body = rows.map(([first, ...rest]) => {
    const cells = rest.map((content, index) => html`<td${kind(index + 1)}>${content}</td>`);
    return html`<tr><th scope="row">${first}</th>${cells}</tr>\n`;
  });
  return html`<div class="scroll" role="group" tabindex="0" aria-label="${caption}"><table><caption>${caption}</caption>
<thead><tr>${head}</tr></thead>
<tbody>${body}</tbody></table></div>`;
}

/** Folded on the screen, unfolded on paper. */
export function folded(summary: string, content: Html): Html {
  return html`<details><summary>${summary}</summary>${content}</details>`;
}

/** A table of figures, folded. */
export function figureTable({ texts }: ReportContext, content: Table): Html {
  return folded(texts.allFigures(content.caption), table(content));
}

function swatch(series: Series): Html {
  const stroke = { stroke: colourOf(series), strokeWidth: 2 } as const;
  return drawSwatch([
    line([0, 1], { x: (x: number) => x, y: () => 0, ...stroke, strokeDasharray: dashesOf(series) }),
    dot([0.5], { x: 0.5, y: 0, ...stroke, symbol: symbolOf(series), r: 4, fill: "var(--surface)" }),
  ]);
}
