import { SkeinError } from "../../errors.ts";
import { mostPages } from "./builder/kernel.ts";
import { lineBytes, roundUp } from "./layout.ts";

const pageBytes = 65536;

interface Piece {
  readonly start: number;
  readonly end: number;
}

/**
 * A WebAssembly memory (of two, beyond 4 GiB), shared by all threads, handed out in pieces. It grows with what is in use and never shrinks: WebAssembly cannot
 * give memory back, so freed pieces are used again.
 */
export class Memory {
  readonly memory: WebAssembly.Memory;
  readonly address: "i32" | "i64";
  #end = lineBytes; // address 0 stays free: it says "none"
  /** In the order of addresses, none touching the next. */
  #free: Piece[] = [];

  constructor(address: "i32" | "i64") {
    this.address = address;
    this.memory = createMemory(address);
  }

  /** All of it, in bytes; what was never written takes no room on the machine. */
  get byteLength(): number {
    return this.memory.buffer.byteLength;
  }

  /**
   * @returns the address of so many bytes; what is in them is undefined
   * @throws SkeinError (code `out_of_memory`)
   */
  allocate(bytes: number): number {
    const size = roundUp(bytes, lineBytes);
    const index = this.#free.findIndex(({ start, end }) => end - start >= size);
    if (index >= 0) {
      const { start, end } = this.#free[index]!;
      this.#free.splice(index, 1, ...(end - start > size ? [{ start: start + size, end }] : []));
      return start;
    }
    const last = this.#free.at(-1);
    const start = last?.end === this.#end ? last.start : this.#end;
    this.#grow(start + size);
    if (last?.end === this.#end) this.#free.pop();
    this.#end = start + size;
    return start;
  }

  /** @param bytes - as many as were allocated */
  free(address: number, bytes: number): void {
    let start = address;
    let end = address + roundUp(bytes, lineBytes);
    const next = this.#free.findIndex((piece) => piece.start > address);
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
    return new Uint8Array(this.memory.buffer as ArrayBuffer, address, length);
  }

  floats(address: number, length: number): Float32Array<ArrayBuffer> {
    return new Float32Array(this.memory.buffer as ArrayBuffer, address, length);
  }

  #grow(end: number): void {
    const missing = Math.ceil((end - this.memory.buffer.byteLength) / pageBytes);
    if (missing <= 0) return;
    try {
      this.memory.grow((this.address === "i64" ? BigInt(missing) : missing) as number);
    } catch (error) {
      const mebibytes = Math.round(end / 2 ** 20);
      throw new SkeinError(
        "out_of_memory",
        `no memory: ${mebibytes} MiB were needed for weights, cache and computing; fewer bits (weights q4, cache q8), shorter or fewer sessions need less`,
        {
          cause: error,
        },
      );
    }
  }
}

/** The maximum is reserved, not taken; where even that is refused, a smaller one is tried. */
function createMemory(address: "i32" | "i64"): WebAssembly.Memory {
  let maximum: number = mostPages[address];
  for (;;) {
    try {
      const size = (pages: number): number => (address === "i64" ? BigInt(pages) : pages) as number;
      const descriptor = { initial: size(1), maximum: size(maximum), shared: true, address };
      return new WebAssembly.Memory(descriptor);
    } catch (error) {
      maximum = Math.floor(maximum / 2);
      if (maximum < 1024) throw new SkeinError("out_of_memory", "no WebAssembly memory can be had", { cause: error });
    }
  }
}
