import { interruption } from "../src/cli/node/interruption.ts";
import { print, printJson, style, table } from "../src/cli/node/terminal.ts";
import { addSkeinFlags, type CommonFlags, createBenchCommand, runCommand, type SkeinFlags } from "./command.ts";
import type { Engine, Sequence } from "./engine.ts";
import { parseFigure } from "./figures.ts";
import { describeMachine } from "./machine.ts";
import { createMeasuringContext } from "./measuring-context.ts";
import { randomTokens } from "./random-tokens.ts";
import { openSkein } from "./skein-engine.ts";
import { createSkeinRunner, weightCacheOf } from "./skein-runner.ts";
import { median } from "./statistics.ts";

interface Flags extends CommonFlags, SkeinFlags {
  readonly runs: number;
}

const promptTokens = 512;
const answerTokens = 32;
const memoryFigure = "prefill@4096"; // read anew each time

const command = addSkeinFlags(
  createBenchCommand("npm run bench:yarn --", {
    description:
      "Compare Skein with YaRN enabled and with the native window alone, on texts that fit the native window: there should be no difference.",
    runs: 30,
  }),
)
  .addHelpText(
    "after",
    `
Two models are in memory, one of each kind, and answer in turns: in half of them the one was loaded first, in half the other. Memory is that of a
process of its own. Ratios are enabled / native.

Examples:
  $ npm run bench:yarn
  $ npm run bench:yarn -- --shape 1.5b --runs 50 --json`,
  )
  .action(run);

await runCommand(command);

async function run({ shape, weights, cache, backend, threads, runs, folder, json }: Flags): Promise<void> {
  const context = await createMeasuringContext(shape, folder, interruption.signal);
  const kinds = ["none", "yarn"] as const;
  try {
    const peaks: number[] = [];
    for (const extend of kinds) {
      const runner = createSkeinRunner({ weights, cache, backend, threads, extend }, context);
      await runner.measure(parseFigure("load@second", shape)); // the repacked weights are kept: both start from them
      peaks.push((await runner.measure(parseFigure(memoryFigure, shape))).peakBytes);
    }
    const { onProgress, onNote } = context.eventsOf("YaRN and not, in turns");
    const room = promptTokens + answerTokens + 1;
    const options = { model: context.checkpoint, threads, room, weights, cache, backend };
    Object.assign(process.env, weightCacheOf(context.workspace));
    const loadings: [Time[], Time[]][] = [];
    // Of two models in memory the one that was loaded first can be the slower one, whichever it is: half of the turns are of each order.
    for (const order of [
      [0, 1],
      [1, 0],
    ] as const) {
      const engines: Engine[] = [];
      for (const which of order) engines[which] = await openSkein({ ...options, extend: kinds[which] }, onNote);
      for (const engine of engines) await engine.settle();
      const sequences = await Promise.all(engines.map((engine) => engine.createSequence()));
      const tokens = randomTokens(promptTokens, engines[0]!.vocabulary);
      const times: [Time[], Time[]] = [[], []];
      const turns = Math.ceil(runs / 2);
      for (let turn = -2; turn < turns; turn++) {
        // Whoever is first in a turn is second in the next.
        for (const which of turn % 2 === 0 ? ([0, 1] as const) : ([1, 0] as const)) {
          interruption.signal.throwIfAborted();
          const time = await measure(sequences[which]!, tokens);
          if (turn >= 0) times[which].push(time); // before that the code gets warm
        }
        onProgress("Turns", loadings.length * turns + Math.max(0, turn + 1), 2 * turns);
      }
      for (const engine of engines) await engine.close();
      loadings.push(times);
    }
    context.clearProgress();
    const rows = (["read", "answer"] as const).map((what) => {
      const all = (kind: 0 | 1): number => median(loadings.flatMap((times) => times[kind].map((time) => time[what])));
      const ratios = loadings.map(([native, enabled]) =>
        median(enabled.map((time, i) => time[what] / native[i]![what])),
      );
      // The place in memory counts once for each kind, and so cancels out.
      return { what, native: all(0), yarn: all(1), ratio: Math.sqrt(ratios[0]! * ratios[1]!), unit: "ms" as const };
    });
    const memory = { what: "memory", native: peaks[0]!, yarn: peaks[1]!, ratio: peaks[1]! / peaks[0]!, unit: "bytes" };
    const settings = { shape: shape.name, weights, cache, backend, threads, runs };
    if (json) printJson({ ...settings, machine: describeMachine(), rows: [...rows, memory] });
    else {
      const head = ["", "native", "YaRN", "unit", "ratio"].map((title) => style("dim", title));
      const lines = rows.map(({ what, native, yarn, ratio }) => {
        const label = what === "read" ? `reading ${promptTokens} tokens` : `answering with ${answerTokens}`;
        return [label, native.toFixed(1), yarn.toFixed(1), "ms", ratio.toFixed(3)];
      });
      const gigabytes = peaks.map((bytes) => (bytes / 2 ** 30).toFixed(3));
      lines.push([`peak memory, ${memoryFigure}`, ...gigabytes, "GiB", memory.ratio.toFixed(3)]);
      print(table([head, ...lines], "lrrlr"));
    }
  } finally {
    context.clearProgress();
  }
}

/** Milliseconds. */
interface Time {
  readonly read: number;
  readonly answer: number;
}

/** Reads the tokens and answers behind them. */
async function measure(sequence: Sequence, tokens: readonly number[]): Promise<Time> {
  const began = performance.now();
  await sequence.append(tokens, () => {});
  const answering = performance.now();
  await sequence.generate(0, answerTokens, () => {});
  const ended = performance.now();
  await sequence.truncate(0);
  return { read: answering - began, answer: ended - answering };
}
