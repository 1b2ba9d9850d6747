import { SkeinError } from "../../errors.ts";

/*
 * What the threads of a backend share besides the memory of the kernels: words to meet by, and the program that they run. It is a small
 * WebAssembly memory, since pages that are not cross-origin isolated have no other shared memory (they use it on one thread).
 */

const pageBytes = 65536;

/** Places of 32-bit words. Those that are written often have a cache line of their own. */
const words = {
  start: 0,
  arrived: 16,
  phase: 32,
  sleepers: 48,
  leaveAt: 64,
  failed: 68,
  firstRecord: 80,
  endRecord: 81,
} as const;

/** Where numbers (float64) may begin. */
const firstNumber = 64;

/** How often a thread looks whether the others have come, before it sleeps: some 50 microseconds. */
const barrierSpins = 20_000;

/** How long a thread waits for the next program before it sleeps, in milliseconds: as long as a decoder pauses between tokens. */
const idleMilliseconds = 0.3;

/** How often a sleeper looks whether a thread has failed. */
const failureMilliseconds = 1000;

/** The shared words, as one thread sees them. */
export class Control {
  readonly memory: WebAssembly.Memory;
  readonly threads: number;
  #words: Int32Array;
  #numbers: Float64Array;

  constructor(threads: number, memory: WebAssembly.Memory = createControlMemory()) {
    this.threads = threads;
    this.memory = memory;
    this.#words = new Int32Array(memory.buffer);
    this.#numbers = new Float64Array(memory.buffer);
  }

  /** The program's numbers; records and tables are indices into them. */
  get numbers(): Float64Array {
    return this.#numbers;
  }

  get firstNumber(): number {
    return firstNumber + this.threads;
  }

  /** Makes room for so many numbers. */
  reserve(numbers: number): void {
    const missing = Math.ceil((numbers * 8 - this.memory.buffer.byteLength) / pageBytes);
    if (missing > 0) this.memory.grow(missing);
    this.refresh();
  }

  /** A view of shared memory does not grow with it. */
  refresh(): void {
    if (this.#numbers.byteLength === this.memory.buffer.byteLength) return;
    this.#words = new Int32Array(this.memory.buffer);
    this.#numbers = new Float64Array(this.memory.buffer);
  }

  /** The address of a thread's scratch memory. */
  scratch(thread: number): number {
    return this.#numbers[firstNumber + thread]!;
  }

  setScratch(thread: number, address: number): void {
    this.#numbers[firstNumber + thread] = address;
  }

  /** Takes the next item of a record, whose counter is a number of the program that is 0 at first. */
  take(counter: number): number {
    return Atomics.add(this.#words, counter * 2, 1);
  }

  /** Waits until all threads are here. @returns how often threads have met, this time included */
  meet(): number {
    const shared = this.#words;
    const phase = Atomics.load(shared, words.phase);
    this.#meetAfter(phase);
    return (phase + 1) | 0;
  }

  #meetAfter(phase: number): void {
    const shared = this.#words;
    if (Atomics.add(shared, words.arrived, 1) === this.threads - 1) {
      Atomics.store(shared, words.arrived, 0);
      Atomics.add(shared, words.phase, 1);
      if (Atomics.load(shared, words.sleepers) > 0) Atomics.notify(shared, words.phase);
      return;
    }
    for (let i = 0; i < barrierSpins; i++) if (Atomics.load(shared, words.phase) !== phase) return;
    Atomics.add(shared, words.sleepers, 1);
    while (Atomics.load(shared, words.phase) === phase) {
      if (Atomics.load(shared, words.failed) === 1) throw new SkeinError("internal", "a thread of the backend failed");
      Atomics.wait(shared, words.phase, phase, failureMilliseconds);
    }
    Atomics.sub(shared, words.sleepers, 1);
  }

  /** Says that this thread will not come any more, so that nobody waits for it for ever. */
  fail(): void {
    Atomics.store(this.#words, words.failed, 1);
  }

  /** Says between which indices the program lies. */
  setProgram(firstRecord: number, endRecord: number): void {
    this.#words[words.firstRecord] = firstRecord;
    this.#words[words.endRecord] = endRecord;
  }

  /** Calls the other threads to the program. */
  start(): void {
    Atomics.add(this.#words, words.start, 1);
    if (this.threads > 1) Atomics.notify(this.#words, words.start);
  }

  /** How many programs were started. */
  get started(): number {
    return Atomics.load(this.#words, words.start);
  }

  /** Waits for a program after the one with this number; sleeps if it does not come soon. */
  waitForStart(seen: number): void {
    const until = performance.now() + idleMilliseconds;
    while (performance.now() < until) {
      for (let i = 0; i < 200; i++) if (Atomics.load(this.#words, words.start) !== seen) return;
    }
    while (Atomics.load(this.#words, words.start) === seen) Atomics.wait(this.#words, words.start, seen);
  }

  get firstRecord(): number {
    return this.#words[words.firstRecord]!;
  }

  get endRecord(): number {
    return this.#words[words.endRecord]!;
  }

  /**
   * Makes all threads leave the program when they next meet. Only for a thread that the others will have to wait for: a mere flag could be seen by
   * some of them one meeting too early.
   */
  leaveAtNextMeeting(): void {
    Atomics.store(this.#words, words.leaveAt, (Atomics.load(this.#words, words.phase) + 1) | 0);
  }

  /** @param meeting - what {@link meet} returned */
  leavesAt(meeting: number): boolean {
    return Atomics.load(this.#words, words.leaveAt) === meeting;
  }
}

function createControlMemory(): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: 16, maximum: 4096, shared: true });
}
