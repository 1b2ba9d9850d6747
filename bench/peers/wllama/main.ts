import { interruption } from "../../../src/cli/node/interruption.ts";
import { print, printJson, style, table } from "../../../src/cli/node/terminal.ts";
import { type CommonFlags, createBenchCommand, runCommand } from "../../command.ts";
import { bestOf, formatValue, parseFigure } from "../../figures.ts";
import { describeMachine } from "../../machine.ts";
import { createMeasuringContext } from "../../measuring-context.ts";
import { randomTokens } from "../../random-tokens.ts";
import { median } from "../../statistics.ts";
import { reusedGguf } from "../reused-gguf.ts";
import { measureInBrowser } from "./browser.ts";

const command = createBenchCommand("npm run wllama --prefix bench/peers --", {
  description: "Measure llama.cpp in WebAssembly, @wllama/wllama, in the system's Chromium.",
  runs: 1,
})
  .addHelpText(
    "after",
    `
Examples:
  $ npm run wllama --prefix bench/peers
  $ npm run wllama --prefix bench/peers -- --threads 1 --runs 3 --json`,
  )
  .action(run);

await runCommand(command);

async function run({ shape, threads, runs, folder, json }: CommonFlags): Promise<void> {
  const { signal } = interruption;
  const context = await createMeasuringContext(shape, folder, signal);
  const figures = [parseFigure("prefill@512", shape), parseFigure("decode@128", shape)];
  const [prompt, text] = figures.map(({ tokens }) => letters(tokens));
  const model = await reusedGguf(context);
  const found = [];
  for (let i = 0; i < runs; i++)
    found.push(await measureInBrowser(model, { threads, prompt: prompt!, text: text! }, signal));
  const values = [found.map(({ prefill }) => median(prefill)), found.map(({ decode }) => median(decode))];
  const rows = figures.map((figure, i) => ({
    shape: shape.name,
    figure: figure.name,
    median: median(values[i]!),
    best: bestOf(figure, values[i]!),
    unit: figure.unit,
  }));
  if (json) printJson({ rows, version: found[0]!.version, threads: found[0]!.threads, machine: describeMachine() });
  else {
    const head = ["figure", "median", "best", "unit"].map((title) => style("dim", title));
    const lines = rows.map((row, i) => [
      row.figure,
      formatValue(figures[i]!, row.median),
      formatValue(figures[i]!, row.best),
      row.unit,
    ]);
    print(table([head, ...lines], "lrrl"));
  }
}

/** Random letters from a to z: it takes text alone, and each is a token of the GGUF file's vocabulary. */
function letters(count: number): string {
  return String.fromCharCode(...randomTokens(count, 26).map((token) => 97 + token));
}
