import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { expect, test } from "vitest";
import { Control } from "./control.ts";
import { type ControlTask, mixed, programOf, runTask } from "./test-control-task.ts";

/** Starts the threads of a task other than this one. */
function startTask(kind: ControlTask["kind"], threads: number, rounds: number) {
  const control = new Control(threads);
  const words = new SharedArrayBuffer(threads * 8);
  const task = { kind, threads, rounds, controlMemory: control.memory, words };
  const workers = Array.from({ length: threads - 1 }, (_, i) => {
    const worker = new Worker(new URL("./node/test-control-thread.ts", import.meta.url), { execArgv: [] });
    worker.postMessage({ ...task, index: i + 1 } satisfies ControlTask);
    return worker;
  });
  return {
    control,
    own: { ...task, index: 0 } satisfies ControlTask,
    numbers: new Int32Array(words, 0, threads),
    errors: new Int32Array(words, threads * 4, threads),
    /** Until the others have done all. */
    end: async () => {
      await Promise.all(workers.map((worker) => once(worker, "message")));
      await Promise.all(workers.map((worker) => worker.terminate()));
    },
  };
}

test.for([
  [1, 1000],
  [2, 20_000],
  [4, 3000],
] as const)(
  "%i threads meet %i times, and see what the others wrote before",
  async ([threads, rounds]) => {
    const { control, own, numbers, errors, end } = startTask("meet", threads, rounds);
    runTask(own, control);
    await end();
    expect([...errors]).toEqual(new Array(threads).fill(0));
    expect([...numbers]).toEqual(new Array(threads).fill(rounds));
    expect(control.meet()).not.toBe(0);
  },
  20_000,
);

test.for([
  [2, 6000],
  [4, 1000],
] as const)(
  "%i threads run %i programs, leave them together when told so, and come to the next",
  async ([threads, rounds]) => {
    const { control, numbers, errors, end } = startTask("programs", threads, rounds);
    let expected = 0;
    for (let round = 0; round < rounds; round++) {
      const { meetings, leftAt } = programOf(round);
      expected += leftAt;
      control.start();
      for (let met = 1; met <= leftAt; met++) {
        // Some threads are there already, others are not; none may see this one meeting too early.
        if (mixed(round) % 5 === 0) for (let i = 0; i < mixed(round + met) % 3000; i++) Atomics.load(numbers, 0);
        if (met === leftAt && leftAt < meetings) control.leaveAtNextMeeting();
        control.meet();
      }
    }
    await end();
    expect([...errors]).toEqual(new Array(threads).fill(0));
    expect([...numbers.subarray(1)]).toEqual(new Array(threads - 1).fill(expected));
    expect(control.started).toBe(rounds);
  },
  20_000,
);

test("threads that fell asleep, waiting for the others or for a program, wake", async () => {
  const threads = 3;
  const rounds = 12;
  const { control, numbers, errors, end } = startTask("programs", threads, rounds);
  const pause = () => new Promise((resolve) => setTimeout(resolve, 15)); // far more than they spin
  for (let round = 0; round < rounds; round++) {
    const { meetings, leftAt } = programOf(round);
    if (round % 2 === 0) await pause();
    control.start();
    for (let met = 1; met <= leftAt; met++) {
      if (met % 2 === 1) await pause();
      if (met === leftAt && leftAt < meetings) control.leaveAtNextMeeting();
      control.meet();
    }
  }
  await end();
  expect([...errors]).toEqual([0, 0, 0]);
  expect(numbers[1]).toBe(numbers[2]);
}, 20_000);

test("items of a record are taken once each", () => {
  const control = new Control(2);
  control.numbers[control.firstNumber] = 0;
  expect(Array.from({ length: 5 }, () => control.take(control.firstNumber))).toEqual([0, 1, 2, 3, 4]);
});

test("the places of scratch memory do not overlap the program, and what is reserved is there", () => {
  const control = new Control(4);
  for (let thread = 0; thread < 4; thread++) control.setScratch(thread, 2 ** 33 + thread);
  control.numbers.fill(1, control.firstNumber, control.firstNumber + 100);
  expect([0, 1, 2, 3].map((thread) => control.scratch(thread))).toEqual([0, 1, 2, 3].map((i) => 2 ** 33 + i));
  control.reserve(1e6);
  expect(control.numbers.length).toBeGreaterThanOrEqual(1e6);
  expect(control.scratch(3)).toBe(2 ** 33 + 3);
  const other = new Control(4, control.memory);
  control.reserve(2e6);
  other.refresh();
  expect(other.numbers.length).toBe(control.numbers.length);
});
