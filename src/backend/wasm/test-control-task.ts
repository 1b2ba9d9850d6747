import type { Control, Phase } from "./control.ts";

/** What the threads of a test do together: many programs, whose items write into shared memory with plain writes. */
export interface ControlTask {
  readonly threads: number;
  readonly index: number;
  readonly controlMemory: WebAssembly.Memory;
  readonly words: SharedArrayBuffer;
}

/** In the first words: whether to end, errors that were seen, and items that were done. */
export const task = { end: 0, errors: 1, done: 2, marks: 16 } as const;

/** @returns a number that is the same in every thread for the same round */
export function mixed(round: number): number {
  const bits = Math.imul(round ^ (round >>> 7), 0x9e3779b1);
  return (bits ^ (bits >>> 15)) >>> 0;
}

/** A program that differs from round to round. */
export interface TestProgram {
  /** Items of each record. */
  readonly items: readonly number[];
  readonly phases: readonly Phase[];
}

export function programOf(round: number): TestProgram {
  const items: number[] = [];
  const phases: Phase[] = [];
  const phaseCount = 1 + (mixed(round) % 5);
  for (let phase = 0; phase < phaseCount; phase++) {
    const first = items.length;
    const records = mixed(round * 8 + phase) % 4; // 0: one record of one item
    if (records === 0) items.push(1);
    for (let i = 0; i < records; i++) items.push(1 + (mixed(round * 64 + phase * 8 + i) % 9));
    const own = items.slice(first);
    phases.push({ first, end: items.length, items: own.reduce((sum, count) => sum + count, 0) });
  }
  return { items, phases };
}

/** Takes part in a phase, as a runner does. Item i of record r writes the round to its mark, and looks whether the phase before is done. */
export function runPhase(control: Control, state: number, words: Int32Array): void {
  control.refresh();
  const { first, end } = control.phaseRecords(state);
  let count = 0;
  for (let record = first; record < end; record++) {
    for (let left = control.take(state, record); left > 0; left = control.take(state, record)) {
      runItem(control, record, control.numbers[control.records + record]! - left, words);
      count++;
    }
  }
  if (count > 0) control.finish(state, count, (record) => runItem(control, record, 0, words));
}

/** One item, as {@link runPhase} does it. */
export function runItem(control: Control, record: number, item: number, words: Int32Array): void {
  const round = control.numbers[control.records - 1]!;
  const { items: all, phases } = programOf(round);
  const before = phases[phases.findIndex(({ end }) => record < end) - 1];
  let isWrong = item >= all[record]! || words[markOf(record, item)] === round;
  for (let r = before?.first ?? 0; r < (before?.end ?? 0); r++)
    for (let i = 0; i < all[r]!; i++) if (words[markOf(r, i)] !== round) isWrong = true;
  words[markOf(record, item)] = round;
  if (isWrong) Atomics.add(words, task.errors, 1);
  Atomics.add(words, task.done, 1);
}

function markOf(record: number, item: number): number {
  return task.marks + record * 16 + item;
}

/** What a helping thread does until it is told to end. */
export function help(control: Control, shared: SharedArrayBuffer): void {
  const words = new Int32Array(shared);
  while (Atomics.load(words, task.end) === 0) {
    const { state } = control;
    if (!control.isOver(state)) runPhase(control, state, words);
    control.waitAfter(state);
  }
}
