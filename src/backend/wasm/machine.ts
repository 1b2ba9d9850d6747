import { loadKernels } from "#kernels";
import { startThread } from "#threads";
import { SkeinError } from "../../errors.ts";
import { nextTask } from "../next-task.ts";
import type { KernelVariant } from "./builder/target.ts";
import { Control } from "./control.ts";
import { lineBytes, roundUp } from "./layout.ts";
import { Memory } from "./memory.ts";
import { type OperationName, operationIds, operations } from "./operations/index.ts";
import { Program } from "./program.ts";
import { type Kernels, Runner, type Thread } from "./thread.ts";

/** What a machine is made for. */
export interface MachineOptions {
  readonly threads: number;
  /** i64: weights and cache beyond 4 GiB. */
  readonly address: "i32" | "i64";
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
  /** The working memory: what is computed, and what threads need for it. */
  readonly memory: Memory;
  /** Where weights and cache lie: the same, or a second one whose addresses have 64 bits. */
  readonly far: Memory;
  readonly threads: number;
  /** The step that is being put together, or computed. */
  readonly program: Program;
  readonly #kernels: Kernels;
  readonly #control: Control;
  readonly #runner: Runner;
  /** Of all threads, one after the other. */
  readonly #scratch = { address: 0, bytes: 0 };
  #wantedScratch = 0;
  #isCancelled = false;

  /** @throws SkeinError (codes `out_of_memory`, `worker_failed`) when memory or a thread cannot be had */
  static async create({ threads, address, variant, module: given }: MachineOptions): Promise<Machine> {
    const module = given ?? (await loadKernels({ variant, address }));
    const memory = new Memory("i32");
    const far = address === "i32" ? memory : new Memory(address);
    const memories = { memory: memory.memory, far: far.memory };
    const { exports } = await WebAssembly.instantiate(module, { engine: memories });
    const machine = new Machine(memory, far, exports as Kernels, threads);
    const controlMemory = machine.#control.memory;
    const indices = Array.from({ length: threads - 1 }, (_, i) => i + 1);
    // All of them are awaited: a browser starts no worker while the one that asked for it is blocked, as the first operation would do.
    await Promise.all(indices.map((index) => startThread({ module, ...memories, controlMemory, threads, index })));
    return machine;
  }

  private constructor(memory: Memory, far: Memory, kernels: Kernels, threads: number) {
    this.memory = memory;
    this.far = far;
    this.threads = threads;
    this.#kernels = kernels;
    this.#control = new Control(threads);
    this.#runner = new Runner({ kernels, far: far.memory, control: this.#control, index: 0 });
    this.program = new Program(this.#control, memory);
  }

  /** Says how much scratch memory an operation needs, for each thread. */
  needScratch(bytes: number): void {
    this.#wantedScratch = Math.max(this.#wantedScratch, roundUp(bytes, lineBytes));
  }

  /**
   * Computes the program. Now and then this thread listens to others in between, while the other threads go on.
   * @throws SkeinError (code `cancelled`) after {@link cancel}
   */
  async run(): Promise<void> {
    if (this.program.isEmpty) return;
    this.#isCancelled = false;
    this.#begin(this.program.work < leastShared);
    let sliceEnd = performance.now() + sliceMilliseconds;
    while (this.#runPhase()) {
      if (performance.now() < sliceEnd) continue;
      await nextTask();
      if (this.#isCancelled) this.#control.cancel();
      sliceEnd = performance.now() + sliceMilliseconds;
    }
    if (this.#isCancelled) throw new SkeinError("cancelled", "the step was given up");
  }

  /** Gives the program up that is being computed. */
  cancel(): void {
    this.#isCancelled = true;
  }

  /**
   * Runs one operation on all threads, at once. Only while no program is being computed.
   * @returns its arguments as they are afterwards
   */
  runNow(operation: OperationName, items: number, values: readonly number[]): Float64Array {
    const { program } = this;
    if (!program.isEmpty) throw new SkeinError("internal", `${operation} was to run in the middle of a step`);
    const at = program.base + program.table(values);
    program.add(operationIds[operation], items, values, { reads: [], writes: [] });
    const given = at + values.length;
    try {
      this.#begin(false);
      while (this.#runPhase());
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
    const { memory, far } = this;
    const scratch = memory.allocate(scratchBytes);
    const thread: Thread = { kernels: this.#kernels, far: far.memory, scratch };
    const numbers = Float64Array.from(values);
    try {
      for (let item = 0; item < items; item++) operations[operationIds[operation]]!(thread, numbers, 0, item);
    } finally {
      memory.free(scratch, scratchBytes);
    }
  }

  #begin(isQuiet: boolean): void {
    this.#control.checkFailure();
    this.#giveScratch();
    this.program.begin(isQuiet);
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
