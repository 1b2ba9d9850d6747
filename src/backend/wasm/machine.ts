import { loadKernels } from "#kernels";
import { openThread } from "#threads";
import { SkeinError } from "../../errors.ts";
import { nextTask } from "../next-task.ts";
import type { KernelVariant } from "./builder/variant.ts";
import { Control } from "./control.ts";
import { lineBytes, roundUp } from "./layout.ts";
import { Memories } from "./memories.ts";
import type { Memory } from "./memory.ts";
import { type OperationName, operationIds, operations } from "./operations/index.ts";
import { reservedBytes } from "./other-memories.ts";
import { Program } from "./program.ts";
import { type Kernels, Runner, type ThreadParts } from "./thread.ts";

/** What a machine is made for. */
export interface MachineOptions {
  readonly threads: number;
  /** Memories for weights and cache besides the one that is computed in, each of 4 GiB at the most; 0, the default: all is in that one. */
  readonly others?: number;
  /** Bytes of the memory that is computed in, up to which weights and cache lie there before the others are used; 0 by default. */
  readonly workingEnd?: number | undefined;
  /** The most that one of these has; for tests. */
  readonly mostOfOther?: number;
  readonly variant: KernelVariant;
  /** The kernels, where they are loaded already. */
  readonly module?: WebAssembly.Module | undefined;
}

/** Programs of less work, in multiplications, are done before the other threads are awake: some 50 microseconds. */
const leastShared = 3e6;

/** How long a step is computed before its thread listens to others. */
const sliceMilliseconds = 25;

/** Memory, kernels and threads: what runs programs. */
export class Machine {
  readonly memories: Memories;
  readonly threads: number;
  /** The step that is being put together, or computed. */
  readonly program: Program;
  readonly #control: Control;
  readonly #runner: Runner;
  /** Of all threads, one after the other. */
  readonly #scratch = { address: 0, bytes: 0 };
  #wantedScratch = 0;
  #isCancelled = false;

  /** @throws SkeinError (codes `out_of_memory`, `worker_failed`) when memory or a thread cannot be had */
  static async create(options: MachineOptions): Promise<Machine> {
    const { threads, others = 0, workingEnd, mostOfOther, variant, module: given } = options;
    const module = given ?? (await loadKernels(variant));
    const control = new Control(threads);
    const begin = await Promise.all(Array.from({ length: threads - 1 }, openThread));
    // Last: there may be fewer of them where the room for addresses ends, and threads need some, too.
    const own = new Memories({ others, workingEnd, reserved: reservedBytes(threads), most: mostOfOther });
    const memories = own.all.map(({ memory }) => memory);
    const { exports } = await WebAssembly.instantiate(module, { engine: { memory: own.working.memory } });
    const machine = new Machine(own, { module, memories, kernels: exports as Kernels, control, index: 0 });
    const start = { module, memories, controlMemory: control.memory, threads };
    // All of them are awaited: a browser starts no worker while the one that asked for it is blocked, as the first operation would do.
    await Promise.all(begin.map((begin, i) => begin({ ...start, index: i + 1 })));
    return machine;
  }

  private constructor(memories: Memories, parts: ThreadParts) {
    this.memories = memories;
    this.threads = parts.control.threads;
    this.#control = parts.control;
    this.#runner = new Runner(parts);
    this.program = new Program(this.#control, memories.working);
  }

  /** What is computed, and what threads need for it, is in this one. */
  get memory(): Memory {
    return this.memories.working;
  }

  /** Says how much scratch memory an operation needs, for each thread. */
  needScratch(bytes: number): void {
    this.#wantedScratch = Math.max(this.#wantedScratch, roundUp(bytes, lineBytes));
  }

  /**
   * Computes the program. Now and then this thread listens to others in between, while the other threads go on.
   * @throws SkeinError (codes `cancelled`, after {@link cancel}; `out_of_memory`; `internal`, when a thread has failed)
   */
  async run(): Promise<void> {
    if (!this.program.isEmpty) await this.#run(this.program.work < leastShared);
  }

  /** Gives the program up that is being computed. */
  cancel(): void {
    this.#isCancelled = true;
  }

  /**
   * Runs one operation on all threads, at once; this thread listens to others in between, as in {@link run}.
   * @returns its arguments as they are afterwards
   * @throws SkeinError (codes `internal`, also while a step is put together or computed; `out_of_memory`)
   */
  async runNow(operation: OperationName, items: number, values: readonly number[]): Promise<Float64Array> {
    const { program } = this;
    if (!program.isEmpty || !this.#control.isOver(this.#control.state))
      throw new SkeinError("internal", `${operation} was to run in the middle of a step`);
    const at = program.base + program.table(values);
    program.add(operationIds[operation], items, values, { reads: [], writes: [] });
    const given = at + values.length;
    try {
      await this.#run(false);
      return this.#control.numbers.slice(given, given + values.length);
    } finally {
      program.clear();
    }
  }

  /**
   * Runs one operation on this thread alone, whatever the others do: also in a pause of a step.
   * @param scratchBytes - what it needs for itself
   */
  runHere(operation: OperationName, items: number, values: readonly number[], scratchBytes: number): void {
    const { memory } = this;
    const scratch = memory.allocate(scratchBytes);
    const thread = this.#runner.threadWith(scratch);
    const numbers = Float64Array.from(values);
    try {
      for (let item = 0; item < items; item++) operations[operationIds[operation]]!(thread, numbers, 0, item);
    } finally {
      memory.free(scratch, scratchBytes);
    }
  }

  async #run(isQuiet: boolean): Promise<void> {
    this.#isCancelled = false;
    this.#control.checkFailure();
    this.#giveScratch();
    this.program.begin(isQuiet);
    let sliceEnd = performance.now() + sliceMilliseconds;
    while (this.#runPhase()) {
      if (performance.now() < sliceEnd) continue;
      await nextTask();
      if (this.#isCancelled) this.#control.cancel();
      sliceEnd = performance.now() + sliceMilliseconds;
    }
    if (this.#isCancelled) throw new SkeinError("cancelled", "the step was given up");
  }

  /** Takes part in a phase, and waits for its end. @returns whether there is another one */
  #runPhase(): boolean {
    const control = this.#control;
    const { state } = control;
    if (control.isOver(state)) return false;
    try {
      this.#runner.runPhase(state);
    } catch (error) {
      control.fail();
      throw error;
    }
    control.waitAfter(state);
    return !control.isOver(control.state);
  }

  #giveScratch(): void {
    const size = this.#wantedScratch;
    if (size * this.threads <= this.#scratch.bytes) return;
    this.memory.enlarge(this.#scratch, size * this.threads);
    for (let thread = 0; thread < this.threads; thread++)
      this.#control.setScratch(thread, this.#scratch.address + thread * size);
  }
}
