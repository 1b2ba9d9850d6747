import type { AdapterInspection, AdapterPlan } from "../index.ts";
import { besideCommand } from "./inspect-adapter-facts.ts";
import type { AdapterTexts } from "./inspect-adapter-texts.ts";
import { safeText } from "./inspect-facts.ts";
import { facts, indent, reportFindings, section, title } from "./inspect-report.ts";
import type { InspectTexts } from "./inspect-texts.ts";
import { wrapText } from "./inspect-wrap.ts";
import { style } from "./node/terminal.ts";

type Row = readonly [label: string, value: string];

/** The texts of both reports, in one language. */
export interface AllTexts {
  readonly report: InspectTexts;
  readonly adapter: AdapterTexts;
}

/**
 * The report on an adapter alone.
 *
 * @param width - columns that running text may take
 */
export function reportAdapter(adapter: AdapterInspection, texts: AllTexts, width: number): string {
  const { headings, labels, origin, unknown } = texts.adapter;
  const command = `${indent}${style("dim", labels.command)}  ${style("cyan", besideCommand(adapter))}`;
  return [
    title(safeText(adapter.source, 1000), origin, width),
    section(headings.adapter, facts(describeAdapter(adapter, texts.adapter), width)),
    section(headings.beside, `${wrapText(unknown, width, indent)}\n${command}`),
    section(texts.report.headings.findings, findingsOf(adapter, texts, width)),
  ].join("\n\n");
}

/** A part of the report on a model: one of the adapters beside it. */
export function reportPlan(plan: AdapterPlan, texts: AllTexts, width: number): string {
  const { headings, labels, ...say } = texts.adapter;
  const windows: readonly Row[] = plan.fits
    ? [
        [labels.nativeWindow, style("bold", say.nativeWindow(plan))],
        [labels.extendedWindow, say.extendedWindow(plan)],
        [labels.factor, say.factor(plan)],
        [labels.method, say.method(plan)],
      ]
    : [];
  const rows = [
    [labels.source, safeText(plan.source, 1000)] as const,
    ...describeAdapter(plan, texts.adapter),
    [labels.fits, style(plan.fits ? "green" : "yellow", say.fits(plan))] as const,
    ...windows,
  ];
  const findings = plan.warnings.length === 0 ? [] : [findingsOf(plan, texts, width)];
  return section(`${headings.adapter} ${safeText(plan.name, 100)}`, [facts(rows, width), ...findings].join("\n"));
}

function findingsOf(adapter: AdapterInspection, { report, adapter: texts }: AllTexts, width: number): string {
  return reportFindings(adapter, { ...report, finding: texts.finding }, width);
}

function describeAdapter(adapter: AdapterInspection, { labels, ...say }: AdapterTexts): readonly Row[] {
  const { rule, type, weights } = adapter;
  return [
    [labels.base, say.base(adapter)],
    ...(type === "LORA" ? [] : [[labels.type, safeText(type)] as const]),
    ...(rule === null
      ? []
      : ([
          [labels.rank, say.rank(adapter)],
          [labels.scale, say.scale(adapter)],
          [labels.targets, say.targets(adapter)],
        ] as const)),
    ...(weights === null
      ? []
      : ([
          [labels.modules, say.modules(adapter)],
          [labels.weights, say.weights(adapter)],
        ] as const)),
    [labels.tuning, say.tuning(adapter)],
  ];
}
