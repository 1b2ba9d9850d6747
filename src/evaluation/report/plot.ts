import { type Markish, type PlotOptions, plot, type TextOptions } from "@observablehq/plot";
import { DOMParser } from "linkedom";
import { type Html, trusted } from "./html.ts";

/** What a chart says to those who do not see it. */
export interface ChartWords {
  readonly title: string;
  readonly description: string;
}

/** Units that every chart is wide; about a pixel each. */
const chartWidth = 440;

/** Text in a chart, in the page's colour. */
export const chartText: TextOptions = { fill: "currentColor" };

/** Draws a chart as SVG, for a page whose style sheet has colours and fonts. */
export function drawChart(id: string, { title, description }: ChartWords, options: PlotOptions): Html {
  const document = createDocument();
  const chart = draw(document, { width: chartWidth, ...options });
  const titled = { title, description };
  chart.setAttribute("class", "chart");
  chart.setAttribute("role", "img");
  chart.setAttribute("aria-labelledby", `${id}-title`);
  chart.setAttribute("aria-describedby", `${id}-description`);
  for (const name of ["description", "title"] as const) {
    const element = document.createElementNS("http://www.w3.org/2000/svg", name === "title" ? "title" : "desc");
    element.setAttribute("id", `${id}-${name}`);
    element.textContent = titled[name];
    chart.prepend(element);
  }
  // Plot counts on from chart to chart: the same result would not make the same page.
  return trusted(chart.outerHTML.replace(/\bplot-clip-\d+/g, `${id}-clip`));
}

/** Draws a line of a legend, which says nothing that does not stand beside it. */
export function drawSwatch(marks: readonly Markish[]): Html {
  const chart = draw(createDocument(), {
    ...{ width: 40, height: 14, margin: 7, axis: null, marks: [...marks] },
    ...{ x: { domain: [0, 1] }, y: { domain: [-1, 1] } },
  });
  chart.setAttribute("class", "swatch");
  chart.setAttribute("aria-hidden", "true");
  return trusted(chart.outerHTML);
}

function createDocument(): Document {
  const document = new DOMParser().parseFromString("", "text/html") as unknown as Document;
  document.append(document.createElement("html"));
  return document;
}

/** Without what Plot names and styles the parts by: an image is read as a whole, and the page has a style sheet. */
function draw(document: Document, options: PlotOptions): Element {
  const chart = plot({ ...options, document });
  for (const name of ["fill", "font-family", "font-size", "text-anchor"]) chart.removeAttribute(name);
  for (const child of [...chart.children]) if (child.localName === "style") child.remove();
  removeNames(chart);
  return chart;
}

function removeNames(element: Element): void {
  for (const child of element.children) {
    for (const name of ["aria-label", "aria-description", "aria-hidden", "class"]) child.removeAttribute(name);
    removeNames(child);
  }
}
