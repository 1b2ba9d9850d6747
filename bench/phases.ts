import { setImmediate } from "node:timers/promises";
import { Machine } from "../src/backend/wasm/machine.ts";
import { operationIds } from "../src/backend/wasm/operations/index.ts";
import { fastestVariant } from "../src/backend/wasm/variants.ts";
import { interruption } from "../src/cli/node/interruption.ts";
import { print, printJson, style, table } from "../src/cli/node/terminal.ts";
import { type CommonFlags, createBenchCommand, runCommand } from "./command.ts";
import { describeMachine } from "./machine.ts";

const phases = 400;
const warmUp = 30;

const command = createBenchCommand("npm run bench:phases --", {
  description:
    "Measure what a phase costs that computes next to nothing: one item for each thread, and waiting for each other. No shape is needed.",
  runs: 300,
})
  .addHelpText(
    "after",
    `
A token of the 0.5b shape has 120 phases in which threads meet.

Examples:
  $ npm run bench:phases
  $ npm run bench:phases -- --threads 1 --json`,
  )
  .action(run);

await runCommand(command);

async function run({ threads, runs, json }: CommonFlags): Promise<void> {
  const machine = await Machine.create({ threads, variant: fastestVariant() });
  const times: number[] = [];
  for (let turn = -warmUp; turn < runs; turn++) {
    await setImmediate(); // for Ctrl-C
    interruption.signal.throwIfAborted();
    const time = await measure(machine, threads);
    if (turn >= 0) times.push(time);
  }
  times.sort((a, b) => a - b);
  const [lower, median, upper] = [0.1, 0.5, 0.9].map((share) => times[Math.floor(share * times.length)]!);
  const row = { threads, lower, median, upper, unit: "µs" };
  if (json) printJson({ ...row, phases, runs, machine: describeMachine() });
  else {
    const head = ["threads", "a tenth below", "median", "a tenth above", "unit"].map((title) => style("dim", title));
    print(table([head, [`${threads}`, ...[lower, median, upper].map((time) => time!.toFixed(2)), "µs"]], "rrrrl"));
  }
  process.exit(); // the machine's threads never end by themselves
}

/** @returns microseconds a phase */
async function measure(machine: Machine, threads: number): Promise<number> {
  const { program } = machine;
  machine.needScratch(64);
  const [a, b] = [program.region(64), program.region(64)];
  program.addWork(1e9); // so that all threads are woken
  for (let i = 0; i < phases; i++) {
    const [from, to] = i % 2 === 0 ? [a, b] : [b, a];
    // One vector, all items the same one: see `addRows`.
    program.add(operationIds.addRows, threads, [from, from, to, 0, 1], { reads: [from], writes: [to] });
  }
  const began = performance.now();
  await machine.run();
  const time = ((performance.now() - began) * 1000) / phases;
  program.clear();
  return time;
}
