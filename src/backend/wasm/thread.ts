import type { Control } from "./control.ts";
import { operations } from "./operations/index.ts";
import { OtherMemories, type OtherMemoriesParts } from "./other-memories.ts";

/** The kernels of an instance of the module, by name. */
export type Kernels = Readonly<Record<string, (...numbers: number[]) => void>>;

/** What an operation needs besides its numbers. */
export interface Thread {
  /** Over the working memory. */
  readonly kernels: Kernels;
  /** Where weights and tiles of the cache may lie. */
  readonly others: OtherMemories;
  /** Address of working memory that this thread has for itself. */
  scratch: number;
}

/** One item of an operation's work. @param at - index of the record's first argument */
export type Operation = (thread: Thread, numbers: Float64Array, at: number, item: number) => void;

/** A record of the program: which operation, how many items it has, and the index of its arguments. */
export const record = { operation: 0, items: 1, arguments: 2, length: 3 } as const;

/** What a thread is made of. `index` is 0 for the one that begins programs. */
export interface ThreadParts extends OtherMemoriesParts {
  readonly kernels: Kernels;
  readonly control: Control;
}

/** What a thread does with programs, phase by phase. */
export class Runner {
  readonly #thread: Thread;
  readonly #control: Control;
  readonly #index: number;

  constructor({ kernels, control, ...parts }: ThreadParts) {
    this.#thread = { kernels, others: new OtherMemories(parts), scratch: 0 };
    this.#control = control;
    this.#index = parts.index;
  }

  /** What operations of this thread need, with other scratch. */
  threadWith(scratch: number): Thread {
    return { ...this.#thread, scratch };
  }

  /**
   * Takes items of the phase until there are none left.
   * @param state - of the control, not over
   */
  runPhase(state: number): void {
    const control = this.#control;
    control.refresh();
    const { numbers, records } = control;
    const { first, end } = control.phaseRecords(state);
    this.#thread.scratch = control.scratch(this.#index);
    let count = 0;
    for (let i = first; i < end; i++) {
      const at = records + i * record.length;
      for (let left = control.take(state, i); left > 0; left = control.take(state, i)) {
        this.#run(at, numbers[at + record.items]! - left);
        count++;
      }
    }
    if (count > 0) control.finish(state, count, (alone) => this.#run(records + alone * record.length, 0));
  }

  /** @param at - index of the record */
  #run(at: number, item: number): void {
    const { numbers } = this.#control;
    operations[numbers[at + record.operation]!]!(this.#thread, numbers, numbers[at + record.arguments]!, item);
  }
}

/** What a helping thread does all its life. */
export function help(parts: ThreadParts): never {
  const { control } = parts;
  const runner = new Runner(parts);
  try {
    for (;;) {
      const { state } = control;
      if (!control.isOver(state)) runner.runPhase(state);
      control.waitAfter(state);
    }
  } catch (error) {
    control.fail();
    throw error;
  }
}
