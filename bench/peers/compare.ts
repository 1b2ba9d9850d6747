import { bestOf, type Figure, figureValue } from "../figures.ts";
import type { MeasuringContext } from "../measuring-context.ts";
import type { Runner } from "../runner.ts";
import { median } from "../statistics.ts";
import type { ResultsFile } from "./results-file.ts";

/** One figure of Skein and a peer. */
export interface ComparedRow {
  readonly shape: string;
  readonly figure: string;
  /** Medians. */
  readonly skein: number;
  readonly peer: number;
  /** Skein / peer: the median of the runs' ratios. */
  readonly ratio: number;
  readonly unit: Figure["unit"];
  readonly best: { readonly skein: number; readonly peer: number };
}

export interface ComparedRunner {
  readonly runner: Runner;
  /** What else the measurement depends on: results of other settings are not taken for these. */
  readonly settings: string;
}

/**
 * Measures both in turns, figure by figure: what the machine does besides meets both, and each run has a ratio of its own.
 *
 * @param runs - turns a figure
 */
export async function compare(
  skein: ComparedRunner,
  peer: ComparedRunner,
  figures: readonly Figure[],
  {
    runs,
    results,
    context,
  }: {
    readonly runs: number;
    readonly results: ResultsFile;
    readonly context: Pick<MeasuringContext, "shape" | "report">;
  },
): Promise<ComparedRow[]> {
  const measure = async ({ runner, settings }: ComparedRunner, figure: Figure, run: number): Promise<number> => {
    const key = `${context.shape.name} ${figure.name}, run ${run + 1}, ${runner.name} ${settings}`;
    const known = results.find(key);
    const measurement = known ?? (await runner.measure(figure));
    if (!known) await results.add(key, measurement);
    context.report(runner.name, figure, measurement);
    return figureValue(figure, measurement);
  };
  const rows: ComparedRow[] = [];
  for (const figure of figures) {
    const pairs: { readonly skein: number; readonly peer: number }[] = [];
    for (let run = 0; run < runs; run++) {
      // Whoever is first in a turn is second in the next: a machine whose speed drifts does so for both.
      const isSkeinFirst = run % 2 === 0;
      const first = await measure(isSkeinFirst ? skein : peer, figure, run);
      const second = await measure(isSkeinFirst ? peer : skein, figure, run);
      pairs.push(isSkeinFirst ? { skein: first, peer: second } : { skein: second, peer: first });
    }
    rows.push(toRow(context.shape.name, figure, pairs));
  }
  return rows;
}

function toRow(
  shape: string,
  figure: Figure,
  pairs: readonly { readonly skein: number; readonly peer: number }[],
): ComparedRow {
  const skein = pairs.map((pair) => pair.skein);
  const peer = pairs.map((pair) => pair.peer);
  return {
    shape,
    figure: figure.name,
    skein: median(skein),
    peer: median(peer),
    ratio: median(pairs.map((pair) => pair.skein / pair.peer)),
    unit: figure.unit,
    best: { skein: bestOf(figure, skein), peer: bestOf(figure, peer) },
  };
}
