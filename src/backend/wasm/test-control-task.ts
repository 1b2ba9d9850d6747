import type { Control } from "./control.ts";

/** What the threads of a test do together. */
export interface ControlTask {
  readonly kind: "meet" | "programs";
  readonly threads: number;
  readonly index: number;
  readonly rounds: number;
  readonly controlMemory: WebAssembly.Memory;
  /** [threads] of a number each, then [threads] errors. */
  readonly words: SharedArrayBuffer;
}

/** @returns a number that is the same in every thread for the same round */
export function mixed(round: number): number {
  const bits = Math.imul(round ^ (round >>> 7), 0x9e3779b1);
  return (bits ^ (bits >>> 15)) >>> 0;
}

/** Does a thread's part of a task. */
export function runTask(task: ControlTask, control: Control): void {
  if (task.kind === "meet") meetOften(task, control);
  else runPrograms(task, control);
}

/** All write, meet, and read what the others wrote, with plain reads and writes: the meeting has to order them. */
function meetOften({ threads, index, rounds, words }: ControlTask, control: Control): void {
  const numbers = new Int32Array(words);
  for (let round = 1; round <= rounds; round++) {
    numbers[index] = round;
    control.meet();
    for (let other = 0; other < threads; other++) if (numbers[other] !== round) numbers[threads + index]! += 1;
    control.meet();
  }
}

/** Meetings of a program, and after which one it is left: in some programs by a call, in some at their end. */
export function programOf(round: number): { readonly meetings: number; readonly leftAt: number } {
  const random = mixed(round);
  const meetings = 1 + (random % 6);
  return { meetings, leftAt: (random >>> 8) % 3 === 0 ? 1 + ((random >>> 16) % meetings) : meetings };
}

/** Waits for programs as a helping thread does, and counts in `words` how often it met the others. */
function runPrograms({ threads, index, rounds, words }: ControlTask, control: Control): void {
  const numbers = new Int32Array(words);
  for (let seen = 0; seen < rounds; seen++) {
    control.waitForStart(seen);
    const { meetings, leftAt } = programOf(seen);
    let met = 0;
    while (met < meetings) {
      const meeting = control.meet();
      met++;
      if (met < meetings && control.leavesAt(meeting)) break;
    }
    if (met !== leftAt) numbers[threads + index]! += 1;
    Atomics.add(numbers, index, met);
  }
}
