import { interruption } from "../src/cli/node/interruption.ts";
import { print, printJson, style, table } from "../src/cli/node/terminal.ts";
import { addSkeinFlags, type CommonFlags, createBenchCommand, runCommand, type SkeinFlags } from "./command.ts";
import type { Depth } from "./engine.ts";
import { growthOf, largestWindow } from "./figures.ts";
import { fitCosts } from "./fit.ts";
import { describeMachine } from "./machine.ts";
import { createMeasuringContext } from "./measuring-context.ts";
import { parseLengths } from "./options.ts";
import { createSkeinRunner } from "./skein-runner.ts";

interface Flags extends CommonFlags, SkeinFlags {
  readonly lengths?: readonly number[];
}

const usualLengths = [1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072];

const command = addSkeinFlags(
  createBenchCommand("npm run bench:growth --", {
    description: "Read one long text with Skein, and show how the cost of reading and answering grows with its length.",
    runs: undefined,
  }),
)
  .option(
    "--lengths <tokens>",
    "lengths to measure at (default: from 1024, doubled up to the largest window)",
    parseLengths,
  )
  .addHelpText(
    "after",
    `
The text is read once. Costs are fitted by what they should be: reading n tokens takes a·n + b·n², a token behind n others c + d·n.

Examples:
  $ npm run bench:growth
  $ npm run bench:growth -- --shape 7b --lengths 1024,8192,16384,32768 --json`,
  )
  .action(run);

await runCommand(command);

async function run(flags: Flags): Promise<void> {
  const { shape, weights, cache, backend, threads } = flags;
  const lengths = flags.lengths ?? usualLengths.filter((length) => length <= largestWindow(shape));
  const task = growthOf(lengths, shape);
  const context = await createMeasuringContext(shape, flags.folder, interruption.signal);
  try {
    const { growth, peakBytes } = await createSkeinRunner({ weights, cache, backend, threads }, context).grow(task);
    context.clearProgress();
    const settings = { shape: shape.name, weights, cache, backend, threads };
    const fit = fitCosts(growth);
    if (flags.json) printJson({ ...settings, machine: describeMachine(), growth, fit, peakBytes });
    else printReport(growth, fit, peakBytes);
  } finally {
    context.clearProgress();
  }
}

function printReport(growth: readonly Depth[], fit: ReturnType<typeof fitCosts>, peakBytes: number): void {
  const head = ["tokens", "read, s", "fit", "tok/s", "tok/s here", "decode, ms", "fit", "tok/s"];
  const lines = growth.map(({ tokens, seconds, decodeRate }, i) => {
    const before = growth[i - 1] ?? { tokens: 0, seconds: 0 };
    return [
      String(tokens),
      seconds.toFixed(1),
      fit.read.fitted[i]!.toFixed(1),
      (tokens / seconds).toFixed(0),
      ((tokens - before.tokens) / (seconds - before.seconds)).toFixed(0),
      (1000 / decodeRate).toFixed(1),
      (1000 * fit.decode.fitted[i]!).toFixed(1),
      decodeRate.toFixed(1),
    ];
  });
  print(table([head.map((title) => style("dim", title)), ...lines], "rrrrrrrr"));
  const [read, decode] = [fit.read, fit.decode].map(({ coefficients }) => coefficients);
  print(`reading n tokens: ${milliseconds(read![0])} · n + ${milliseconds(read![1])} · n²`);
  print(`a token behind n others: ${milliseconds(decode![0])} + ${milliseconds(decode![1])} · n`);
  print(`peak memory: ${(peakBytes / 2 ** 30).toFixed(2)} GiB`);
}

function milliseconds(seconds: number): string {
  return `${(seconds * 1000).toPrecision(3)} ms`;
}
