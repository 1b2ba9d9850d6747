import type { Control } from "./control.ts";
import { operations } from "./operations/index.ts";

/** The kernels of an instance of the module, by name. */
export type Kernels = Readonly<Record<string, (...numbers: number[]) => void>>;

/** What an operation needs besides its numbers. */
export interface Thread {
  readonly kernels: Kernels;
  readonly memory: WebAssembly.Memory;
  /** Address of memory that this thread has for itself. */
  scratch: number;
}

/** One item of an operation's work. @param at - index of the record's first argument */
export type Operation = (thread: Thread, numbers: Float64Array, at: number, item: number) => void;

/**
 * A record of the program: which operation, how many items it has, whether the threads must meet after it, a counter of the items taken,
 * and the index of its arguments.
 */
export const record = { operation: 0, items: 1, meets: 2, counter: 3, arguments: 4, length: 5 } as const;

/** What a thread is made of. */
export interface ThreadParts {
  readonly kernels: Kernels;
  readonly memory: WebAssembly.Memory;
  readonly control: Control;
  readonly index: number;
}

/** What threads do with a program, piece by piece. */
export class Runner {
  readonly #thread: Thread;
  readonly #control: Control;
  readonly #index: number;
  #at = 0;
  #end = 0;
  #isAlone = false;

  /** @param index - of the thread, 0 for the one that starts programs */
  constructor({ kernels, memory, control, index }: ThreadParts) {
    this.#thread = { kernels, memory, scratch: 0 };
    this.#control = control;
    this.#index = index;
  }

  /** @param isAlone - whether the others stay out of this program */
  begin(isAlone = false): void {
    this.#isAlone = isAlone;
    this.#control.refresh();
    this.#at = this.#control.firstRecord;
    this.#end = this.#control.endRecord;
    this.#thread.scratch = this.#control.scratch(this.#index);
  }

  /** Runs the records up to where the threads meet, and meets them. @returns whether something is left */
  runPhase(): boolean {
    this.#runItems();
    if (this.#isAlone) return this.#at < this.#end;
    const control = this.#control;
    const meeting = control.meet();
    return this.#at < this.#end && !control.leavesAt(meeting);
  }

  #runItems(): void {
    const control = this.#control;
    const { numbers } = control;
    for (;;) {
      const at = this.#at;
      const operation = operations[numbers[at]!]!;
      const items = numbers[at + record.items]!;
      const given = numbers[at + record.arguments]!;
      for (let item = control.take(at + record.counter); item < items; item = control.take(at + record.counter))
        operation(this.#thread, numbers, given, item);
      this.#at += record.length;
      if (numbers[at + record.meets] === 1) return;
    }
  }
}

/** What a helping thread does all its life. */
export function help(parts: ThreadParts): never {
  const runner = new Runner(parts);
  try {
    for (let seen = 0; ; seen++) {
      parts.control.waitForStart(seen);
      runner.begin();
      while (runner.runPhase());
    }
  } catch (error) {
    parts.control.fail();
    throw error;
  }
}
