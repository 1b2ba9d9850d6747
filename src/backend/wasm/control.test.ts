import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test, vi } from "vitest";
import { SkeinError } from "../../errors.ts";
import { Control, mostItems } from "./control.ts";
import { type ControlTask, mixed, programOf, runItem, runPhase, type TestProgram, task } from "./test-control-task.ts";

/** Threads of a test, of which this one is the first. */
async function startThreads(threads: number) {
  const control = new Control(threads);
  const shared = new SharedArrayBuffer(4096);
  const words = new Int32Array(shared);
  const workers = Array.from({ length: threads - 1 }, (_, i) => {
    const worker = new Worker(new URL("./node/test-control-thread.ts", import.meta.url), { execArgv: [] });
    worker.postMessage({ threads, index: i + 1, controlMemory: control.memory, words: shared } satisfies ControlTask);
    return worker;
  });
  await Promise.all(workers.map((worker) => once(worker, "message")));
  const own = {
    /** Begins the program of a round. */
    begin: (round: number, isQuiet = false) => begin(control, round, programOf(round), isQuiet),
    /** Takes part in a phase. @returns whether there is another one */
    runPhase: () => {
      const { state } = control;
      if (control.isOver(state)) return false;
      runPhase(control, state, words);
      control.waitAfter(state);
      return !control.isOver(control.state);
    },
  };
  return {
    ...own,
    control,
    words,
    end: async () => {
      let isEnded = false;
      const done = Promise.all(workers.map((worker) => once(worker, "message"))).then(() => {
        isEnded = true;
      });
      Atomics.store(words, task.end, 1);
      // They look at the word when a program has woken them.
      for (let round = 1e6; !isEnded; round++) {
        own.begin(round);
        while (own.runPhase());
        await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await done;
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

/** The round, and the items of each record, are the program's numbers. */
function begin(control: Control, round: number, { items, phases }: TestProgram, isQuiet: boolean): void {
  const at = control.firstNumber + 1 + (round % 3);
  control.reserve(at + items.length);
  control.numbers[at - 1] = round;
  control.numbers.set(items, at);
  control.begin(at, items, phases, isQuiet);
}

const itemsOf = (round: number): number => programOf(round).phases.reduce((sum, { items }) => sum + items, 0);

test.for([
  [1, 1000],
  [2, 6000],
  [4, 600],
] as const)(
  "%i threads run %i programs: every item once, and no phase before the last one is done",
  async ([threads, rounds]) => {
    const { control, words, begin, runPhase, end } = await startThreads(threads);
    let expected = 0;
    for (let round = 1; round <= rounds; round++) {
      begin(round, mixed(round) % 4 === 0);
      expected += itemsOf(round);
      while (runPhase());
      expect(control.isOver(control.state)).toBe(true);
      expect(Atomics.load(words, task.done)).toBe(expected);
      // Sometimes the others have time to wait, sometimes they come late.
      if (mixed(round) % 3 === 0) for (let i = 0; i < mixed(round) % 5000; i++) Atomics.load(words, 0);
    }
    await end();
    expect(words[task.errors]).toBe(0);
  },
);

test.for([2, 4])("%i threads give up programs in the middle, and compute the next one wholly", async (threads) => {
  const { control, words, begin, runPhase, end } = await startThreads(threads);
  for (let round = 1; round <= (threads === 2 ? 1500 : 200); round++) {
    const before = Atomics.load(words, task.done);
    begin(round);
    const isCancelled = mixed(round) % 2 === 0;
    if (mixed(round) % 4 !== 0) runPhase();
    if (isCancelled) control.cancel();
    while (runPhase());
    const done = Atomics.load(words, task.done) - before;
    // Given up between two phases, never within one.
    let sum = 0;
    const ends = programOf(round).phases.map(({ items }) => (sum += items));
    if (isCancelled) expect(ends).toContain(done);
    else expect(done).toBe(sum);
  }
  await end();
  expect(words[task.errors]).toBe(0);
});

test("threads that fell asleep, waiting for a program or for a phase's end, wake", async () => {
  const { control, words, begin, runPhase, end } = await startThreads(3);
  const pause = () => new Promise((resolve) => setTimeout(resolve, 15)); // far more than they spin
  for (let round = 1; round <= 10; round++) {
    await pause();
    const before = Atomics.load(words, task.done);
    begin(round);
    if (round % 2 === 0) {
      // The others do all of it.
      while (!control.isOver(control.state)) await pause();
    } else {
      // This one has taken an item, unless it came late, and the others wait for it.
      const { state } = control;
      const { first } = control.phaseRecords(state);
      const left = control.isOver(state) ? 0 : control.take(state, first);
      if (left > 0) {
        const item = programOf(round).items[first]! - left;
        await pause();
        expect(control.state).toBe(state);
        words[task.marks + first * 16 + item] = round;
        Atomics.add(words, task.done, 1);
        control.finish(state, 1, (alone) => runItem(control, alone, 0, words));
        control.waitAfter(state);
      }
      while (runPhase());
    }
    expect(Atomics.load(words, task.done) - before).toBe(itemsOf(round));
  }
  await end();
  expect(words[task.errors]).toBe(0);
});

test("a program that leaves sleeping threads alone wakes none, neither when it begins nor when a phase is over", async () => {
  const { control, words, begin, runPhase, end } = await startThreads(2);
  await new Promise((resolve) => setTimeout(resolve, 30)); // the other thread falls asleep
  const notify = vi.spyOn(Atomics, "notify");
  begin(1, true);
  while (runPhase());
  expect(control.isOver(control.state)).toBe(true);
  expect([notify.mock.calls.length, Atomics.load(words, task.done)]).toEqual([0, itemsOf(1)]);
  notify.mockRestore();
  await end();
});

test("in the middle of a program a thread waits a second at the most, and looks after what has happened meanwhile", () => {
  const control = new Control(2);
  const state = beginItems(control, 1);
  const began = performance.now();
  control.waitAfter(state);
  expect(control.state).toBe(state);
  expect(performance.now() - began).toBeGreaterThan(900);
});

/** For phases that no phase of one item follows. */
const never = (): void => {
  throw new Error("there is no phase of one item");
};

/** Begins a program of one phase; what its records' numbers are does not matter here. */
function beginItems(control: Control, ...items: number[]): number {
  const all = items.reduce((sum, count) => sum + count, 0);
  control.begin(control.firstNumber, items, [{ first: 0, end: items.length, items: all }], true);
  return control.state;
}

test("a phase is over with its last item, whoever finishes it; then the next begins, and after the last, nothing", () => {
  const control = new Control(2);
  expect(control.isOver(control.state)).toBe(true);
  const phases = [
    { first: 0, end: 2, items: 3 },
    { first: 2, end: 3, items: 2 },
  ];
  control.begin(control.firstNumber, [2, 1, 2], phases, false);
  const first = control.state;
  expect(control.phaseRecords(first)).toEqual({ first: 0, end: 2 });
  expect([0, 0, 0].map(() => control.take(first, 0))).toEqual([2, 1, 0]);
  expect(control.take(first, 1)).toBe(1);
  control.finish(first, 1, never);
  expect(control.state).toBe(first);
  control.finish(first, 2, never);
  const second = control.state;
  expect(second).not.toBe(first);
  expect(control.phaseRecords(second)).toEqual({ first: 2, end: 3 });
  expect(control.take(second, 2)).toBe(2);
  expect(control.take(second, 2)).toBe(1);
  control.finish(second, 2, never);
  expect(control.isOver(control.state)).toBe(true);
});

test("whoever ends a phase does the phases of one item that follow, before others see any of them", () => {
  const control = new Control(2);
  const phases = [2, 1, 1, 2, 1].map((items, i) => ({ first: i, end: i + 1, items }));
  const records = phases.map(({ items }) => items);
  control.begin(control.firstNumber, records, phases, false);
  const { state } = control;
  const alone: number[] = [];
  const runAlone = (record: number): void => {
    expect(control.state).toBe(alone.length < 2 ? state : state + 3);
    alone.push(record);
  };
  control.finish(state, 1, never);
  control.finish(state, 1, runAlone);
  expect(alone).toEqual([1, 2]);
  expect([1, 2].map((phase) => control.take(state + phase, phase))).toEqual([0, 0]);
  expect(control.state).toBe(state + 3);
  control.finish(control.state, 2, runAlone);
  expect(alone).toEqual([1, 2, 4]);
  expect(control.isOver(control.state)).toBe(true);

  control.begin(control.firstNumber, records, phases, false);
  control.finish(control.state, 2, () => control.cancel());
  expect(control.isOver(control.state)).toBe(true);
});

test("a thread that is put aside when it has said what is done changes nothing of the next program", () => {
  const control = new Control(2);
  const old = beginItems(control, 5);
  const { add } = Atomics;
  let next = 0;
  const spy = vi.spyOn(Atomics, "add").mockImplementationOnce(((words: Int32Array, index: number, count: number) => {
    const before = add(words, index, count);
    control.finish(old, 2, never); // the other thread's
    next = beginItems(control, 2);
    return before;
  }) as typeof Atomics.add);
  control.finish(old, 3, never);
  spy.mockRestore();
  expect(control.state).toBe(next);
  expect([control.take(next, 0), control.take(next, 0)]).toEqual([2, 1]);
  control.finish(next, 2, never);
  expect(control.isOver(control.state)).toBe(true);
});

test("a latecomer takes nothing of a program that has been replaced, nor of one that is over, whatever it reads there", () => {
  const control = new Control(2);
  const old = beginItems(control, 2, 3);
  for (const record of [0, 0, 1, 1, 1]) expect(control.take(old, record)).toBeGreaterThan(0);
  control.finish(old, 5, never);
  // The numbers of the next program may lie where the number of items was.
  expect([0, 1].map((record) => control.take(old, record))).toEqual([0, 0]);
  const shorter = beginItems(control, 4);
  expect([0, 1, 2].map((record) => control.take(old, record))).toEqual([0, 0, 0]);
  expect(control.take(shorter, 0)).toBe(4);
});

test("a program that was given up ends with its phase, and the next one is whole", () => {
  const control = new Control(1);
  const phases = [2, 2, 2].map((items, i) => ({ first: i, end: i + 1, items }));
  control.begin(control.firstNumber, [2, 2, 2], phases, true);
  const { state } = control;
  control.take(state, 0);
  control.cancel();
  control.finish(state, 2, never);
  expect(control.isOver(control.state)).toBe(true);
  control.begin(control.firstNumber, [2, 2, 2], phases, true);
  for (let i = 0; i < 3; i++) {
    expect(control.isOver(control.state)).toBe(false);
    expect(control.take(control.state, i)).toBe(2);
    control.finish(control.state, 2, never);
  }
  expect(control.isOver(control.state)).toBe(true);
});

test("programs can be told apart, for longer than any thread comes late", () => {
  const control = new Control(1);
  const states = new Set<number>();
  for (let i = 0; i < 40_000; i++) {
    const state = beginItems(control, 1);
    if (i < 32_000) expect(states.has(state)).toBe(false);
    states.add(state);
    expect(control.isOver(state)).toBe(false);
    expect(control.take(state, 0)).toBe(1);
    expect(control.take(state, 0)).toBe(0);
    control.finish(state, 1, never);
    expect(control.isOver(control.state)).toBe(true);
  }
});

test("a record has as many items as are allowed, and no more are", () => {
  const control = new Control(1);
  const state = beginItems(control, mostItems);
  for (let left = mostItems; left > 0; left--) if (control.take(state, 0) !== left) throw new Error(`${left} left`);
  expect(control.take(state, 0)).toBe(0);
  expect(() => control.begin(control.firstNumber, new Array(2 ** 20).fill(1), [], true)).toThrow("too many");
});

test("a program has room for 256 sequences with an adapter each: some 25 operations in each of 80 layers", () => {
  const control = new Control(1);
  const records = 256 * 25 * 80;
  const items = new Array<number>(records).fill(1);
  control.begin(control.firstNumber, items, [{ first: 0, end: records, items: records }], true);
  expect([0, records - 1].map((record) => control.take(control.state, record))).toEqual([1, 1]);
});

test("numbers for which there is no memory are the error of whatever else there is no memory for", () => {
  const control = new Control(1);
  const tooMany = () => control.reserve(2 ** 32);
  expect(tooMany).toThrow(SkeinError);
  expect(tooMany).toThrow(expect.objectContaining({ code: "out_of_memory" }));
  control.reserve(1e6); // what there is room for still is
  expect(control.numbers.length).toBeGreaterThanOrEqual(1e6);
});

test("a thread that has failed is not waited for", () => {
  const control = new Control(2);
  const state = beginItems(control, 1);
  control.fail();
  expect(() => control.waitAfter(state)).toThrow("a thread of the backend has failed");
});

test("the places of scratch memory, counters, phases and the program do not overlap, and what is reserved is there", () => {
  const control = new Control(4);
  for (let thread = 0; thread < 4; thread++) control.setScratch(thread, 2 ** 33 + thread);
  control.reserve(control.firstNumber + 100);
  control.numbers.fill(1, control.firstNumber, control.firstNumber + 100);
  const state = beginItems(control, 3, 3);
  expect([control.take(state, 0), control.take(state, 1)]).toEqual([3, 3]);
  expect([0, 1, 2, 3].map((thread) => control.scratch(thread))).toEqual([0, 1, 2, 3].map((i) => 2 ** 33 + i));
  expect(control.numbers.subarray(control.firstNumber, control.firstNumber + 100).every((x) => x === 1)).toBe(true);
  control.reserve(1e6);
  expect(control.numbers.length).toBeGreaterThanOrEqual(1e6);
  expect(control.scratch(3)).toBe(2 ** 33 + 3);
  const other = new Control(4, control.memory);
  expect(other.state).toBe(state); // looking at it changes nothing
  control.reserve(2e6);
  other.refresh();
  expect(other.numbers.length).toBe(control.numbers.length);
});
