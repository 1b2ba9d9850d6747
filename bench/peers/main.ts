import { interruption } from "../../src/cli/node/interruption.ts";
import { note, print, printJson, style, styleError, table } from "../../src/cli/node/terminal.ts";
import { addSkeinFlags, type CommonFlags, createBenchCommand, runCommand, type SkeinFlags } from "../command.ts";
import { type Figure, formatValue, parseFigure } from "../figures.ts";
import { describeMachine } from "../machine.ts";
import { createMeasuringContext } from "../measuring-context.ts";
import type { ShapeName } from "../shapes.ts";
import { createSkeinRunner } from "../skein-runner.ts";
import { chooseSetting } from "./choose-setting.ts";
import { type ComparedRow, compare } from "./compare.ts";
import { createLlamaRunner, peerVersion } from "./llama-runner.ts";
import { nameOf } from "./peer-setting.ts";
import { openResults } from "./results-file.ts";
import { reusedGguf, reusedKQuants } from "./reused-gguf.ts";

interface Flags extends CommonFlags, SkeinFlags {
  readonly figures?: string;
  readonly resume?: true;
  readonly kQuants?: true;
}

/** Prompts come before answers of the same depth, which then begin behind what was read. */
const defaultFigures: Readonly<Record<ShapeName, string>> = {
  "0.5b": "prefill@512,prefill@8192,prefill@32768,decode@128,decode@4096,decode@32768,memory@131072",
  "1.5b": "prefill@512,prefill@8192,decode@128,decode@4096",
  "7b": "load@second,prefill@512,prefill@8192,decode@128,decode@16384,memory@32768",
  tiny: "prefill@64,decode@32",
};

const command = addSkeinFlags(
  createBenchCommand("npm run bench:peers --", {
    description: "Measure Skein beside llama.cpp on the same weights, in turns, each in a process of its own.",
    runs: 3,
  }),
)
  .option("--figures <list>", "what to measure (default: the shape's)")
  .option("--k-quants", "both read one file in Q4_K_M, as it is (1.5b and 7b)")
  .option("--resume", "go on with the last run of the shape, where it was interrupted")
  .addHelpText(
    "after",
    `
Before the first time: npm ci --prefix bench/peers --ignore-scripts

Figures: load@first and load@second (seconds to the first token), prefill@N and decode@N (tokens a second), memory@N (GiB, the peak with a window of N
tokens in use). Ratios are Skein / peer.

Examples:
  $ npm run bench:peers
  $ npm run bench:peers -- --shape 7b --figures load@second,decode@128 --runs 5
  $ npm run bench:peers -- --shape 1.5b --k-quants --figures decode@128
  $ npm run bench:peers -- --shape 7b --resume --json`,
  )
  .action(run);

await runCommand(command);

async function run(flags: Flags): Promise<void> {
  const { shape, cache, backend, threads, runs, resume = false, kQuants = false } = flags;
  const weights = kQuants ? "file" : flags.weights;
  const version = await peerVersion();
  const figures = (flags.figures ?? defaultFigures[shape.name]).split(",").map((name) => parseFigure(name, shape));
  const context = await createMeasuringContext(shape, flags.folder, interruption.signal);
  try {
    const model = await (kQuants ? reusedKQuants : reusedGguf)(context);
    const checkpoint = kQuants ? model : context.checkpoint;
    const peer = kQuants ? `${version}-q4_k_m` : version; // what was measured and saved of other weights is of no use
    const setting = await chooseSetting(model, { threads, version }, context);
    const results = await openResults(context.workspace.results(shape.name), { resume });
    const rows = await compare(
      {
        runner: createSkeinRunner({ weights, cache, backend, threads }, { ...context, checkpoint }),
        settings: `${backend} ${weights} ${cache}, ${threads} threads`,
      },
      {
        runner: createLlamaRunner(model, { setting, threads, version: peer }, context),
        settings: `${peer} ${nameOf(setting)}, ${threads} threads`,
      },
      figures,
      { runs, results, context },
    );
    context.clearProgress();
    const settings = { skein: { weights, cache, backend }, peer: { version, ...setting }, threads, runs };
    if (flags.json) printJson({ rows, settings, machine: describeMachine() });
    else printReport(figures, rows);
  } catch (error) {
    context.clearProgress();
    if (interruption.signal.aborted) note(styleError("dim", "what was measured is kept: --resume goes on"));
    throw error;
  }
}

function printReport(figures: readonly Figure[], rows: readonly ComparedRow[]): void {
  const head = ["figure", "Skein", "best", "llama.cpp", "best", "unit", "ratio"].map((title) => style("dim", title));
  const lines = rows.map((row, i) => {
    const show = (value: number): string => formatValue(figures[i]!, value);
    const { skein, peer, best, ratio } = row;
    return [row.figure, show(skein), show(best.skein), show(peer), show(best.peer), row.unit, ratio.toFixed(2)];
  });
  print(table([head, ...lines], "lrrrrlr"));
}
