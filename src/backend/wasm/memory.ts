import { SkeinError } from "../../errors.ts";
import { lineBytes, memoryBytes, roundUp } from "./layout.ts";

const pageBytes = 65536;

interface Piece {
  readonly start: number;
  readonly end: number;
}

/** What there is of a memory to hand out. */
export interface MemoryOptions {
  /** Its number: addresses are `number` · 4 GiB more than the place in it. */
  readonly number?: number;
  /** The first bytes, which are never handed out; where there are none, address 0 stays free: it says "none". */
  readonly reserved?: number;
  /** Less than all that its addresses reach. */
  readonly most?: number;
}

/**
 * A WebAssembly memory, shared by all threads, handed out in pieces. It grows with what is in use and never shrinks: WebAssembly cannot give memory back, so
 * freed pieces are used again.
 */
export class Memory {
  readonly memory: WebAssembly.Memory;
  readonly #base: number;
  readonly #most: number;
  #end: number;
  /** In the order of addresses, none touching the next. Places, as `#end`. */
  #free: Piece[] = [];

  /** @throws SkeinError (code `out_of_memory`) where the room for addresses cannot be had */
  constructor({ number = 0, reserved = 0, most = memoryBytes }: MemoryOptions = {}) {
    this.#base = number * memoryBytes;
    this.#end = roundUp(Math.max(reserved, 1), lineBytes);
    const [memory, pages] = createMemory(1, Math.floor(most / pageBytes));
    this.memory = memory;
    this.#most = pages * pageBytes;
  }

  /** All of it, in bytes; what was never written takes no room on the machine. */
  get byteLength(): number {
    return this.memory.buffer.byteLength;
  }

  /**
   * Whether so many bytes in one piece are free, or there may be in the memory when it grows.
   * @param most - how far the piece may reach
   */
  hasRoom(bytes: number, most: number = this.#most): boolean {
    const size = sizeOf(bytes);
    const last = this.#free.at(-1);
    const rest = { start: last?.end === this.#end ? last.start : this.#end, end: this.#most };
    return [...this.#free, rest].some(({ start, end }) => start + size <= Math.min(end, most));
  }

  /**
   * @returns the address of so many bytes; what is in them is undefined
   * @throws SkeinError (code `out_of_memory`)
   */
  allocate(bytes: number): number {
    const size = sizeOf(bytes);
    const index = this.#free.findIndex(({ start, end }) => end - start >= size);
    if (index >= 0) {
      const { start, end } = this.#free[index]!;
      this.#free.splice(index, 1, ...(end - start > size ? [{ start: start + size, end }] : []));
      return this.#base + start;
    }
    const last = this.#free.at(-1);
    const start = last?.end === this.#end ? last.start : this.#end;
    growMemory(this.memory, start + size, this.#most);
    if (last?.end === this.#end) this.#free.pop();
    this.#end = start + size;
    return this.#base + start;
  }

  /** @param bytes - as many as were allocated */
  free(address: number, bytes: number): void {
    let start = address - this.#base;
    let end = start + sizeOf(bytes);
    const next = this.#free.findIndex((piece) => piece.start > start);
    const index = next < 0 ? this.#free.length : next;
    const [before, after] = [this.#free[index - 1], this.#free[index]];
    if (before?.end === start) start = before.start;
    if (after?.start === end) end = after.end;
    const from = before && before.start === start ? index - 1 : index;
    const to = after && after.end === end ? index + 1 : index;
    this.#free.splice(from, to - from, { start, end });
  }

  /**
   * Makes a piece at least so long, which may move it; what was in it is lost.
   * @throws SkeinError (code `out_of_memory`); then the piece is empty
   */
  enlarge(piece: { address: number; bytes: number }, bytes: number): void {
    const { address, bytes: before } = piece;
    if (bytes <= before) return;
    piece.bytes = 0;
    if (before > 0) this.free(address, before);
    piece.address = this.allocate(bytes);
    piece.bytes = bytes;
  }

  /** A view of a piece. It stays valid when the memory grows. */
  bytes(address: number, length: number): Uint8Array<ArrayBuffer> {
    // The buffer is a SharedArrayBuffer; the type says what most functions of the platform ask for.
    return new Uint8Array(this.memory.buffer as ArrayBuffer, address - this.#base, length);
  }

  floats(address: number, length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.memory.buffer as ArrayBuffer, address - this.#base, length);
  }
}

/** What a piece takes: whole lines, and at least one, so that no two pieces begin at one place. */
function sizeOf(bytes: number): number {
  return Math.max(lineBytes, roundUp(bytes, lineBytes));
}

/**
 * Makes a memory at least so large.
 *
 * @param most - bytes that it may have, for the message
 * @throws SkeinError (code `out_of_memory`)
 */
export function growMemory(memory: WebAssembly.Memory, bytes: number, most: number): void {
  const missing = Math.ceil((bytes - memory.buffer.byteLength) / pageBytes);
  if (missing <= 0) return;
  try {
    memory.grow(missing);
  } catch (error) {
    throw outOfMemory(bytes, bytes > most ? "more than a memory has" : "which the machine does not give", error);
  }
}

/** @param why - there are not as many bytes */
export function outOfMemory(bytes: number, why: string, cause?: unknown): SkeinError {
  return new SkeinError(
    "out_of_memory",
    `no memory: ${Math.round(bytes / 2 ** 20)} MiB were needed for weights, cache and computing, ${why}; fewer bits (weights q4, cache q8), shorter or fewer sessions need less`,
    { cause },
  );
}

/**
 * Memory that may grow to so many pages. These are reserved, not taken; where that is refused, as on phones, fewer are tried.
 *
 * @returns the memory and the pages that it may have
 * @throws SkeinError (code `out_of_memory`) where the room for addresses cannot be had
 */
export function createMemory(initial: number, most: number): readonly [WebAssembly.Memory, number] {
  for (let maximum = most; ; maximum = Math.floor(maximum / 2)) {
    try {
      return [new WebAssembly.Memory({ initial, maximum, shared: true }), maximum];
    } catch (error) {
      if (maximum < 2048) throw new SkeinError("out_of_memory", "no WebAssembly memory can be had", { cause: error });
    }
  }
}
