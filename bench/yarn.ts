import { interruption } from "../src/cli/node/interruption.ts";
import { print, printJson, style, table } from "../src/cli/node/terminal.ts";
import { addSkeinFlags, type CommonFlags, createBenchCommand, runCommand, type SkeinFlags } from "./command.ts";
import type { Sequence } from "./engine.ts";
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
Two models are in memory, one of each kind, and answer in turns; memory is that of a process of its own. Ratios are enabled / native.

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
    const engines = [];
    for (const extend of kinds) engines.push(await openSkein({ ...options, extend }, onNote));
    for (const engine of engines) await engine.settle();
    const sequences = await Promise.all(engines.map((engine) => engine.createSequence()));
    const tokens = randomTokens(promptTokens, engines[0]!.vocabulary);
    const times: { readonly read: number; readonly answer: number }[][] = [[], []];
    for (let turn = -2; turn < runs; turn++) {
      // Whoever is first in a turn is second in the next.
      for (const which of turn % 2 === 0 ? [0, 1] : [1, 0]) {
        interruption.signal.throwIfAborted();
        const time = await measure(sequences[which]!, tokens);
        if (turn >= 0) times[which]!.push(time); // before that the code gets warm
      }
      onProgress("Turns", Math.max(0, turn + 1), runs);
    }
    for (const engine of engines) await engine.close();
    context.clearProgress();
    const [native, enabled] = times as [(typeof times)[0], (typeof times)[0]];
    const rows = (["read", "answer"] as const).map((what) => ({
      what,
      native: median(native.map((time) => time[what])),
      yarn: median(enabled.map((time) => time[what])),
      ratio: median(enabled.map((time, i) => time[what] / native[i]![what])),
      unit: "ms" as const,
    }));
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

/** Reads the tokens and answers behind them. @returns milliseconds */
async function measure(sequence: Sequence, tokens: readonly number[]): Promise<{ read: number; answer: number }> {
  const began = performance.now();
  await sequence.append(tokens, () => {});
  const answering = performance.now();
  await sequence.generate(0, answerTokens, () => {});
  const ended = performance.now();
  await sequence.truncate(0);
  return { read: answering - began, answer: ended - answering };
}
