import { SkeinError } from "../../errors.ts";
import { createMemory, growMemory } from "./memory.ts";

/*
 * What the threads of a backend share besides the memory of the kernels: the program that they run and how far it is. It is a small WebAssembly memory,
 * since pages that are not cross-origin isolated have no other shared memory (they use it on one thread).
 *
 *     | words | a counter for each record | for each phase: first record, end of its records, items | numbers (float64) |
 *
 * A phase is over when all its items are done, not when all threads have come: a thread that the system has put aside for a while, or that still sleeps,
 * holds nobody up unless it has taken an item. Such a latecomer may look at a program that has long been replaced; so what it takes items by, the counters,
 * carry the program's number, and lie where nothing else ever does.
 */

const pageBytes = 65536;

/** Places of 32-bit words. Those that are written often have a cache line of their own. */
const words = { state: 0, done: 16, sleepers: 32, phases: 48, records: 49, cancelled: 64, failed: 80 } as const;

const firstCounter = 1024;
/** As many sequences as a step may have, each with an adapter of its own, in 80 layers. What is not used takes no memory. */
const mostRecords = 2 ** 19;
const firstPhase: number = firstCounter + mostRecords;
const mostPhases = 16_384;
/** Numbers of a phase: its first record, the end of its records, its items. */
const phaseWords = 3;
const scratchNumbers = (firstPhase + mostPhases * phaseWords) / 2;
const firstPages = Math.ceil((scratchNumbers * 8) / pageBytes) + 1;
const mostPages = 4096;

/** Items of one record, at most. */
export const mostItems = 0xffff;

/** In place of a phase: the program is over. */
const over = 0xffff;

/** How often a thread looks whether the phase is over, before it sleeps: some 50 microseconds. */
const phaseSpins = 20_000;

/** How long a thread waits for the next program before it sleeps, in milliseconds: as long as a decoder pauses between tokens. */
const idleMilliseconds = 0.3;

/** How long a thread sleeps in the middle of a program before it looks whether another one has failed. */
const failureMilliseconds = 1000;

/** A phase of a program: its records, from the first up to the end, and how many items they have together. */
export interface Phase {
  readonly first: number;
  readonly end: number;
  readonly items: number;
}

/** The shared words, as one thread sees them. */
export class Control {
  readonly memory: WebAssembly.Memory;
  readonly threads: number;
  #words: Int32Array;
  #numbers: Float64Array;

  constructor(threads: number, memory: WebAssembly.Memory = createMemory(firstPages, mostPages)[0]) {
    this.threads = threads;
    this.memory = memory;
    this.#words = new Int32Array(memory.buffer);
    this.#numbers = new Float64Array(memory.buffer);
    if (Atomics.load(this.#words, words.state) === 0) Atomics.store(this.#words, words.state, over);
  }

  /** The program's numbers; records and tables are indices into them. */
  get numbers(): Float64Array {
    return this.#numbers;
  }

  get firstNumber(): number {
    return scratchNumbers + this.threads;
  }

  /** Makes room for so many numbers. @throws SkeinError (code `out_of_memory`) */
  reserve(numbers: number): void {
    growMemory(this.memory, numbers * 8, mostPages * pageBytes);
    this.refresh();
  }

  /** A view of shared memory does not grow with it. */
  refresh(): void {
    const { buffer } = this.memory;
    if (this.#numbers.byteLength === buffer.byteLength) return;
    this.#words = new Int32Array(buffer);
    this.#numbers = new Float64Array(buffer);
  }

  /** The address of a thread's scratch memory. */
  scratch(thread: number): number {
    return this.#numbers[scratchNumbers + thread]!;
  }

  setScratch(thread: number, address: number): void {
    this.#numbers[scratchNumbers + thread] = address;
  }

  /** Which program it is, and which of its phases: changes when a phase is over. */
  get state(): number {
    return Atomics.load(this.#words, words.state);
  }

  /** Whether the program of a state is over. */
  isOver(state: number): boolean {
    return (state & 0xffff) === over;
  }

  /** Index of the present program's first record in the numbers. */
  get records(): number {
    return this.#words[words.records]!;
  }

  /**
   * Begins a program, after the one before is over.
   * @param records - index of the first record in the numbers
   * @param isQuiet - whether to leave threads that sleep alone
   * @throws SkeinError (code `internal`) for too many records or phases
   */
  begin(records: number, items: readonly number[], phases: readonly Phase[], isQuiet: boolean): void {
    const recordCount = items.length;
    if (recordCount > mostRecords || phases.length > mostPhases)
      throw new SkeinError("internal", `a step has ${recordCount} operations in ${phases.length} phases, too many`);
    const shared = this.#words;
    const program = (((this.state >> 16) & 0x7fff) % 0x7fff) + 1;
    for (let i = 0; i < recordCount; i++) Atomics.store(shared, firstCounter + i, (program << 16) | items[i]!);
    for (const [i, { first, end, items }] of phases.entries()) {
      const at = firstPhase + i * phaseWords;
      shared[at] = first;
      shared[at + 1] = end;
      shared[at + 2] = items;
    }
    shared[words.phases] = phases.length;
    shared[words.records] = records;
    Atomics.store(shared, words.done, 0);
    Atomics.store(shared, words.cancelled, 0);
    Atomics.store(shared, words.state, program << 16);
    if (!isQuiet && this.threads > 1) Atomics.notify(shared, words.state);
  }

  /** The records of a state's phase. For a program that has been replaced they mean nothing, and {@link take} gives none of their items. */
  phaseRecords(state: number): { readonly first: number; readonly end: number } {
    const at = firstPhase + (state & 0xffff) * phaseWords;
    return { first: this.#words[at]!, end: this.#words[at + 1]! };
  }

  /**
   * Takes an item of a record. Whether there is one is in the counter alone: a latecomer may read anything else of the next program.
   * @returns how many there were left with it; 0 when there are none, or the program is another one
   */
  take(state: number, record: number): number {
    const shared = this.#words;
    const program = state >> 16;
    for (;;) {
      const counter = Atomics.load(shared, firstCounter + record);
      const left = counter & 0xffff;
      if (counter >> 16 !== program || left === 0) return 0;
      if (Atomics.compareExchange(shared, firstCounter + record, counter, counter - 1) === counter) return left;
    }
  }

  /**
   * Says that so many items, which were taken in this state, are done. The last of them ends the phase. Phases of one item that follow are done by
   * the thread that ended it, at once: to hand such an item over would take longer than most take to compute.
   * @param runAlone - does the only item of a record
   */
  finish(state: number, items: number, runAlone: (record: number) => void): void {
    const shared = this.#words;
    const all = this.#itemsOf(state); // read first: once all items are counted, others may go on to another program
    if (Atomics.add(shared, words.done, items) + items < all) return;
    Atomics.store(shared, words.done, 0);
    let next = this.#stateAfter(state);
    while (!this.isOver(next) && this.#itemsOf(next) === 1) {
      const { first } = this.phaseRecords(next);
      Atomics.store(shared, firstCounter + first, 0); // what is over has no items left, for latecomers
      runAlone(first);
      next = this.#stateAfter(next);
    }
    Atomics.store(shared, words.state, next);
    // Wakes those, too, that wait for the next program: they sleep on the same word.
    if (Atomics.load(shared, words.sleepers) > 0) Atomics.notify(shared, words.state);
  }

  /**
   * Waits until the state is another one; sleeps if that takes long. In the middle of a program it waits a second at the most, so that the thread that begins
   * programs comes to hear of one that was ended from outside.
   * @throws SkeinError (code `internal`) when a thread has failed
   */
  waitAfter(state: number): void {
    const shared = this.#words;
    if (this.isOver(state)) {
      const until = performance.now() + idleMilliseconds;
      while (performance.now() < until) {
        for (let i = 0; i < 200; i++) if (Atomics.load(shared, words.state) !== state) return;
      }
    }
    for (let i = 0; i < phaseSpins; i++) if (Atomics.load(shared, words.state) !== state) return;
    this.checkFailure();
    if (this.isOver(state)) {
      // Not one of those for whom the end of a phase wakes sleepers: small programs are done without.
      Atomics.wait(shared, words.state, state);
      return;
    }
    Atomics.add(shared, words.sleepers, 1);
    Atomics.wait(shared, words.state, state, failureMilliseconds);
    Atomics.sub(shared, words.sleepers, 1);
    this.checkFailure();
  }

  #itemsOf(state: number): number {
    return this.#words[firstPhase + (state & 0xffff) * phaseWords + 2]!;
  }

  #stateAfter(state: number): number {
    const shared = this.#words;
    const isLast = (state & 0xffff) + 1 === shared[words.phases] || Atomics.load(shared, words.cancelled) === 1;
    return isLast ? state | over : state + 1;
  }

  /** Gives the program up: the present phase is its last. */
  cancel(): void {
    Atomics.store(this.#words, words.cancelled, 1);
  }

  /** Says that a thread has failed, and what it had taken will never be done. */
  fail(): void {
    Atomics.store(this.#words, words.failed, 1);
  }

  /** @throws SkeinError (code `internal`) when a thread has failed */
  checkFailure(): void {
    if (Atomics.load(this.#words, words.failed) === 0) return;
    throw new SkeinError("internal", "a thread of the backend has failed; load the model again");
  }
}
