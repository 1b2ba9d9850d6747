import { interruption } from "../../../src/cli/node/interruption.ts";
import { note, print, printJson, style, table } from "../../../src/cli/node/terminal.ts";
import { type CommonFlags, createBenchCommand, runCommand } from "../../command.ts";
import { bestOf, formatValue, parseFigure } from "../../figures.ts";
import { describeMachine } from "../../machine.ts";
import { createMeasuringContext } from "../../measuring-context.ts";
import { median } from "../../statistics.ts";
import { reusedGguf } from "../reused-gguf.ts";
import { createSkeinPage, createWllamaPage } from "./engines.ts";
import type { BrowserMeasurement } from "./task.ts";

const command = createBenchCommand("npm run browser --prefix bench/peers --", {
  description:
    "Measure Skein beside llama.cpp in WebAssembly, @wllama/wllama, on the same weights, in turns, each in a page of its own in the system's Chromium.",
  runs: 3,
})
  .addHelpText(
    "after",
    `
Before the first time: npm run build && npm ci --prefix bench/peers --ignore-scripts

Examples:
  $ npm run browser --prefix bench/peers
  $ npm run browser --prefix bench/peers -- --threads 1 --runs 1 --json`,
  )
  .action(run);

await runCommand(command);

async function run({ shape, threads, runs, folder, json }: CommonFlags): Promise<void> {
  const { signal } = interruption;
  const context = await createMeasuringContext(shape, folder, signal);
  const figures = (["prefill", "decode"] as const).map((kind) => {
    const figure = parseFigure(kind === "prefill" ? "prefill@512" : "decode@128", shape);
    return { kind, figure };
  });
  const [prompt, text] = figures.map(({ figure }) => figure.tokens);
  const engines = [createSkeinPage(context.checkpoint), createWllamaPage(await reusedGguf(context))];
  const found: BrowserMeasurement[][] = [];
  for (let turn = 0; turn < runs; turn++) {
    const measured: BrowserMeasurement[] = [];
    // Whoever is first in a run is second in the next.
    for (const which of turn % 2 === 0 ? [0, 1] : [1, 0]) {
      const { name, measure } = engines[which]!;
      measured[which] = await measure({ threads, prompt: prompt!, text: text! }, signal);
      const rates = figures.map(
        ({ kind, figure }) => `${figure.name} ${formatValue(figure, median(measured[which]![kind]))} ${figure.unit}`,
      );
      note(`${name}: ${rates.join(", ")}`);
    }
    found.push(measured);
  }
  const rows = figures.map(({ kind, figure }) => {
    const pairs = found.map((measured) => measured.map((measurement) => median(measurement[kind])));
    const [skein, peer] = engines.map((_, which) => pairs.map((pair) => pair[which]!));
    return {
      shape: shape.name,
      figure: figure.name,
      skein: median(skein!),
      peer: median(peer!),
      ratio: median(pairs.map((pair) => pair[0]! / pair[1]!)),
      unit: figure.unit,
      best: { skein: bestOf(figure, skein!), peer: bestOf(figure, peer!) },
    };
  });
  const { version } = found[0]![1]!;
  if (json) {
    printJson({ rows, settings: { peer: { version }, threads, runs }, machine: describeMachine() });
    return;
  }
  const head = ["figure", "Skein", "wllama", "ratio", "unit"].map((title) => style("dim", title));
  const lines = rows.map(({ figure, skein, peer, ratio, unit }, i) => [
    figure,
    ...[skein, peer].map((value) => formatValue(figures[i]!.figure, value)),
    ratio.toFixed(2),
    unit,
  ]);
  print(table([head, ...lines], "lrrrl"));
}
