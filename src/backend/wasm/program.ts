import { SkeinError } from "../../errors.ts";
import { type Control, mostItems } from "./control.ts";
import { lineBytes, roundUp } from "./layout.ts";
import type { Memory } from "./memory.ts";
import { record } from "./thread.ts";

/** Memory of one step. It gets its address when the program is laid out. */
export class Region {
  readonly bytes: number;
  address = 0;
  /** Phases in which it is first and last in use. */
  first = -1;
  last = -1;
  /** The last phase in which it was written, and read. */
  written = -1;
  read = -1;

  constructor(bytes: number) {
    this.bytes = bytes;
  }

  use(phase: number): void {
    if (this.first < 0) this.first = phase;
    this.last = phase;
  }
}

/** An address in a region, known later. */
export interface Place {
  readonly region: Region;
  readonly offset: number;
}

/** An argument of an operation. */
export type Argument = number | Region | Place;

/** What an operation reads and writes; memory that lives longer than a step takes part as a region without bytes. */
export interface Access {
  readonly reads: readonly Region[];
  readonly writes: readonly Region[];
  /** One of those written, of which the operation before writes other rows: it need not wait for that. */
  readonly beside?: Region | undefined;
}

interface Entry {
  readonly operation: number;
  readonly items: number;
  readonly phase: number;
  readonly argument: number;
}

/**
 * The operations of one step, in order. Those that do not need each other's results make up a phase: the threads take their items in any
 * order, and the next phase begins when all are done. When all operations are known, the regions are laid out in one piece of memory, in which a region's
 * place is used again after its last use.
 */
export class Program {
  readonly #control: Control;
  readonly #memory: Memory;
  #entries: Entry[] = [];
  #regions: Region[] = [];
  /** Arguments and tables, which stand before the records. The array is kept from step to step. */
  #numbers = new Float64Array(4096);
  #numberCount = 0;
  /** Numbers that are addresses in regions: to the offset that stands there the region's address is added when it is known. */
  #places: { readonly index: number; readonly region: Region }[] = [];
  #data: { readonly region: Region; readonly numbers: Float32Array }[] = [];
  #phase = 0;
  #work = 0;
  readonly #arena = { address: 0, bytes: 0 };

  constructor(control: Control, memory: Memory) {
    this.#control = control;
    this.#memory = memory;
  }

  get isEmpty(): boolean {
    return this.#entries.length === 0;
  }

  region(bytes: number): Region {
    const region = new Region(roundUp(bytes, lineBytes));
    this.#regions.push(region);
    return region;
  }

  /** Keeps a region's numbers to the end of the step. */
  keep(region: Region): void {
    region.last = Number.POSITIVE_INFINITY;
  }

  /** A region that holds these numbers from the start. */
  data(numbers: Float32Array): Region {
    const region = this.region(numbers.byteLength);
    region.first = 0;
    region.last = 0;
    this.#data.push({ region, numbers });
    return region;
  }

  /**
   * Puts numbers where operations can read them.
   * @returns the index of the first, relative to {@link base}
   */
  table(values: readonly Argument[]): number {
    const index = this.#numberCount;
    this.#reserve(values.length);
    for (let i = 0; i < values.length; i++) this.#push(values[i]!);
    return index;
  }

  /** What has to be added to the indices of tables in the numbers that all threads see. */
  get base(): number {
    return this.#control.firstNumber;
  }

  /** How much there is to compute, in multiplications of matrices. */
  get work(): number {
    return this.#work;
  }

  addWork(multiplications: number): void {
    this.#work += multiplications;
  }

  /** Adds an operation; its arguments are a table. @throws SkeinError (code `internal`) for too many items */
  add(operation: number, items: number, values: readonly Argument[], access: Access): void {
    if (items === 0) return;
    if (items > mostItems) throw new SkeinError("internal", `operation ${operation} has ${items} items, too many`);
    const phase = this.#phaseAfter(access);
    const { reads, writes } = access;
    this.#phase = phase;
    for (const region of reads) {
      region.read = phase;
      region.use(phase);
    }
    for (const region of writes) {
      region.written = phase;
      region.use(phase);
    }
    this.#entries.push({ operation, items, phase, argument: this.table(values) });
  }

  /**
   * Lays the program out, and begins it.
   * @param isQuiet - whether to leave threads that sleep alone
   * @throws SkeinError (codes `out_of_memory`; `internal`, for too many operations)
   */
  begin(isQuiet: boolean): void {
    this.#layOut();
    const { base } = this;
    const firstRecord = base + this.#numberCount;
    const endRecord = firstRecord + this.#entries.length * record.length;
    this.#control.reserve(endRecord);
    const { numbers } = this.#control;
    for (const { region, numbers } of this.#data) this.#memory.floats(region.address, numbers.length).set(numbers);
    for (const { index, region } of this.#places) this.#numbers[index]! += region.address;
    numbers.set(this.#numbers.subarray(0, this.#numberCount), base);
    const phases: { first: number; end: number; items: number }[] = [];
    let last = -1;
    for (const [i, { operation, items, phase, argument }] of this.#entries.entries()) {
      const at = firstRecord + i * record.length;
      numbers[at + record.operation] = operation;
      numbers[at + record.items] = items;
      numbers[at + record.arguments] = base + argument;
      if (phase !== last) phases.push({ first: i, end: i, items: 0 });
      last = phase;
      const current = phases.at(-1)!;
      current.end = i + 1;
      current.items += items;
    }
    const count = this.#entries.map(({ items }) => items);
    this.#entries = [];
    this.#numberCount = 0;
    this.#places = [];
    this.#control.begin(firstRecord, count, phases, isQuiet);
  }

  /** Forgets everything, so that the next step can begin. */
  clear(): void {
    this.#entries = [];
    this.#numberCount = 0;
    this.#places = [];
    this.#regions = [];
    this.#data = [];
    this.#phase = 0;
    this.#work = 0;
  }

  #push(value: Argument): void {
    const index = this.#numberCount++;
    if (typeof value === "number") this.#numbers[index] = value;
    else if (value instanceof Region) this.#place(index, value, 0);
    else this.#place(index, value.region, value.offset);
  }

  #place(index: number, region: Region, offset: number): void {
    this.#numbers[index] = offset;
    this.#places.push({ index, region });
  }

  #reserve(more: number): void {
    const missing = this.#numberCount + more - this.#numbers.length;
    if (missing <= 0) return;
    const larger = new Float64Array(Math.max(2 * this.#numbers.length, this.#numbers.length + missing));
    larger.set(this.#numbers);
    this.#numbers = larger;
  }

  /** An operation may stand beside others of the phase unless it reads what they write, or writes what they use. */
  #phaseAfter({ reads, writes, beside }: Access): number {
    const phase = this.#phase;
    const waits =
      reads.some((region) => region.written === phase) ||
      writes.some((region) => region !== beside && (region.written === phase || region.read === phase));
    return waits ? phase + 1 : phase;
  }

  /** First fit: regions get their places in the order of their first use, and give them back after the phase of their last. */
  #layOut(): void {
    const used = this.#regions.filter(({ first, bytes }) => first >= 0 && bytes > 0);
    used.sort((a, b) => a.first - b.first);
    const live: { start: number; end: number; last: number }[] = []; // by address
    let size = 0;
    for (const region of used) {
      for (let i = live.length - 1; i >= 0; i--) if (live[i]!.last < region.first) live.splice(i, 1);
      let start = 0;
      let index = 0;
      for (; index < live.length; index++) {
        if (live[index]!.start - start >= region.bytes) break;
        start = Math.max(start, live[index]!.end);
      }
      live.splice(index, 0, { start, end: start + region.bytes, last: region.last });
      region.address = start; // relative to the arena, which may have to grow
      size = Math.max(size, start + region.bytes);
    }
    this.#memory.enlarge(this.#arena, size);
    for (const region of used) region.address += this.#arena.address;
  }
}
