import { SkeinError } from "../../errors.ts";
import { memoryOf } from "./layout.ts";
import { Memory, outOfMemory } from "./memory.ts";

/** What memories are made for. */
export interface MemoriesOptions {
  /** How many besides the working memory; 0: all is in that one. */
  readonly others: number;
  /** Up to where what lasts lies in the working memory, too, before it goes to the others. */
  readonly workingEnd?: number | undefined;
  /** The first bytes of each of these, which are not handed out. */
  readonly reserved: number;
  /** The most that one of these has; for tests. */
  readonly most?: number | undefined;
}

/**
 * The memories of a backend. What is computed with is in the first, the working memory. What lasts and may be large, matrices and tiles of the cache, is in the
 * others, where there are any, as far as it does not have its place in the working memory: each has 32-bit addresses, and ends at 4 GiB. An address says which
 * memory it is in, and where (see `memoryOf`); no piece lies in two.
 *
 * @see docs/decisions/0041-memories-of-4-gib.md
 */
export class Memories {
  readonly working: Memory;
  /** By their numbers; the working memory has 0. */
  readonly all: readonly Memory[];
  readonly #workingEnd: number;

  /**
   * There may be fewer others than were asked for, or none, where the room for addresses ends.
   * @throws SkeinError (code `out_of_memory`) when there is not even a working memory
   */
  constructor({ others, workingEnd = 0, reserved, most }: MemoriesOptions) {
    this.working = new Memory();
    this.#workingEnd = workingEnd;
    const all = [this.working];
    try {
      for (let number = 1; number <= others; number++)
        all.push(new Memory(most === undefined ? { number, reserved } : { number, reserved, most }));
    } catch (error) {
      if (!(error instanceof SkeinError)) throw error;
    }
    this.all = all;
  }

  /**
   * Memory for what lasts.
   * @returns the address of so many bytes; what is in them is undefined
   * @throws SkeinError (code `out_of_memory`)
   */
  allocate(bytes: number): number {
    const [working, ...others] = this.all as [Memory, ...Memory[]];
    // Not in all of the working memory: what steps need there cannot be known.
    if (others.length === 0 || working.hasRoom(bytes, this.#workingEnd)) return working.allocate(bytes);
    const found = others.find((memory) => memory.hasRoom(bytes));
    if (found) return found.allocate(bytes);
    const used = this.all.reduce((sum, { byteLength }) => sum + byteLength, 0) / 2 ** 20;
    throw outOfMemory(bytes, `in one piece beside ${used.toFixed()} MiB, which none of ${others.length} memories has`);
  }

  /** @param bytes - as many as were allocated */
  free(address: number, bytes: number): void {
    this.at(address).free(address, bytes);
  }

  /** A view of a piece. It stays valid when the memory grows. */
  bytes(address: number, length: number): Uint8Array<ArrayBuffer> {
    return this.at(address).bytes(address, length);
  }

  floats(address: number, length: number): Float32Array<ArrayBuffer> {
    return this.at(address).floats(address, length);
  }

  /** The memory that an address is in. */
  at(address: number): Memory {
    return this.all[memoryOf(address)]!;
  }
}
