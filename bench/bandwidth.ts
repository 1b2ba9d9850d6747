import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { interruption } from "../src/cli/node/interruption.ts";
import { print, printJson, style, table } from "../src/cli/node/terminal.ts";
import { type CommonFlags, createBenchCommand, runCommand } from "./command.ts";
import { describeMachine } from "./machine.ts";
import { median } from "./statistics.ts";

const command = createBenchCommand("npm run bench:bandwidth --", {
  description:
    "Measure how fast memory can be read by so many threads at once, by a loop that does nothing else: what answers are bound by. No shape is needed.",
  runs: 20,
})
  .addHelpText(
    "after",
    `
Bytes of weights and cache that a token reads, divided by this, are the least time that it can take.

Examples:
  $ npm run bench:bandwidth
  $ npm run bench:bandwidth -- --threads 1 --runs 5 --json`,
  )
  .action(run);

await runCommand(command);

async function run({ threads, runs, json }: CommonFlags): Promise<void> {
  const readers = Array.from({ length: threads }, () => new Worker(new URL("./bandwidth-worker.ts", import.meta.url)));
  try {
    await Promise.all(readers.map((reader) => once(reader, "message"))); // memory is there
    const rates: number[] = [];
    for (let i = 0; i < runs; i++) {
      interruption.signal.throwIfAborted();
      const began = performance.now();
      const answers = readers.map((reader) => once(reader, "message") as Promise<[number]>);
      for (const reader of readers) reader.postMessage("read");
      const bytes = (await Promise.all(answers)).reduce((sum, [read]) => sum + read, 0);
      rates.push(bytes / (performance.now() - began) / 1e6);
    }
    const row = { threads, median: median(rates), least: Math.min(...rates), most: Math.max(...rates), unit: "GB/s" };
    if (json) {
      printJson({ ...row, runs, machine: describeMachine() });
      return;
    }
    const head = ["threads", "median", "least", "most", "unit"].map((title) => style("dim", title));
    const line = [`${threads}`, ...[row.median, row.least, row.most].map((rate) => rate.toFixed(1)), row.unit];
    print(table([head, line], "rrrrl"));
  } finally {
    await Promise.all(readers.map((reader) => reader.terminate()));
  }
}
