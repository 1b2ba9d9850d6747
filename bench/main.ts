import { interruption } from "../src/cli/node/interruption.ts";
import { note, print, printJson, style, table } from "../src/cli/node/terminal.ts";
import { addSkeinFlags, type CommonFlags, createBenchCommand, runCommand, type SkeinFlags } from "./command.ts";
import { bestOf, type Figure, figureValue, formatValue, parseFigure } from "./figures.ts";
import { describeMachine } from "./machine.ts";
import { createMeasuringContext } from "./measuring-context.ts";
import { parseLengths } from "./options.ts";
import { createSkeinRunner } from "./skein-runner.ts";
import { median } from "./statistics.ts";

interface Flags extends CommonFlags, SkeinFlags {
  readonly prefill?: readonly number[];
  readonly depths?: readonly number[];
}

/** What was measured of one figure. */
interface Row {
  readonly figure: string;
  readonly median: number;
  readonly best: number;
  readonly unit: Figure["unit"];
  /** Of the process that measured it, the largest of all runs. */
  readonly peakBytes: number;
  /** One a run. */
  readonly values: readonly number[];
}

const command = addSkeinFlags(
  createBenchCommand("npm run bench --", {
    description:
      "Measure Skein on random weights of a true shape: how long it takes to start, how fast it reads and answers, and its peak memory.",
    runs: 1,
  }),
)
  .option("--prefill <tokens>", "lengths of prompts to read (default: 512,4096)", parseLengths)
  .option("--depths <tokens>", "lengths of texts to answer behind (default: 128,4096)", parseLengths)
  .addHelpText(
    "after",
    `
Examples:
  $ npm run bench
  $ npm run bench -- --shape 7b --prefill 512 --depths 128,16384
  $ npm run bench -- --depths 1024,4096,16384,32768,65536 --prefill "" --json
  $ npm run bench -- --threads 1 --runs 3

Long texts are read once and saved, so that later runs start behind them.`,
  )
  .action(run);

await runCommand(command);

async function run(flags: Flags): Promise<void> {
  const { shape, weights, cache, backend, threads, runs, prefill = [512, 4096], depths = [128, 4096] } = flags;
  const names = [
    "load@first",
    "load@second",
    ...prefill.map((tokens) => `prefill@${tokens}`),
    ...depths.map((depth) => `decode@${depth}`),
  ];
  const figures = names.map((name) => parseFigure(name, shape));
  const context = await createMeasuringContext(shape, flags.folder, interruption.signal);
  const runner = createSkeinRunner({ weights, cache, backend, threads }, context);
  const rows: Row[] = [];
  try {
    for (const figure of figures) {
      const measurements = [];
      for (let i = 0; i < runs; i++) {
        const measurement = await runner.measure(figure);
        measurements.push(measurement);
        context.report(runner.name, figure, measurement);
      }
      const values = measurements.map((measurement) => figureValue(figure, measurement));
      rows.push({
        figure: figure.name,
        median: median(values),
        best: bestOf(figure, values),
        unit: figure.unit,
        peakBytes: Math.max(...measurements.map(({ peakBytes }) => peakBytes)),
        values,
      });
    }
  } finally {
    context.clearProgress();
  }
  const settings = { shape: shape.name, weights, cache, backend, threads };
  if (flags.json) printJson({ ...settings, machine: describeMachine(), rows });
  else {
    note(`Skein, ${shape.name} shape, weights ${weights}, cache ${cache}, ${threads} threads`);
    printReport(figures, rows);
  }
}

function printReport(figures: readonly Figure[], rows: readonly Row[]): void {
  const head = ["figure", "median", "best", "unit", "peak memory"].map((title) => style("dim", title));
  const lines = rows.map((row, i) => [
    row.figure,
    formatValue(figures[i]!, row.median),
    formatValue(figures[i]!, row.best),
    row.unit,
    `${(row.peakBytes / 2 ** 30).toFixed(2)} GiB`,
  ]);
  print(table([head, ...lines], "lrrlr"));
}
