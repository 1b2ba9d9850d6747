import { UnsupportedError } from "../../errors.ts";
import { lineBytes, memoryOf } from "./layout.ts";
import type { Kernels } from "./thread.ts";

/** What every thread has in every memory other than the working one: room for rows that are computed with there. */
export const deskBytes: number = 2 ** 20;

/** Inputs of a matrix in such a memory, at most: three rows of as many numbers have room on a desk, and some more. */
export const mostInputs: number = deskBytes / 16;

/** @throws UnsupportedError naming a row that is too long for them */
export function checkInputs(name: string, inputs: number): void {
  if (inputs > mostInputs)
    throw new UnsupportedError(`${name}: ${inputs} inputs; models beyond 4 GiB may have ${mostInputs}`);
}

/** @returns how many bytes of each of these memories desks take, from its beginning */
export function reservedBytes(threads: number): number {
  return lineBytes + threads * deskBytes;
}

/**
 * (module
 *   (import "engine" "working" (memory 1 65536 shared))
 *   (import "engine" "other" (memory 1 65536 shared))
 *   (func (export "bring") (param i32 i32 i32)
 *     (memory.copy 0 1 (local.get 0) (local.get 1) (local.get 2)))
 *   (func (export "put") (param i32 i32 i32)
 *     (memory.copy 1 0 (local.get 0) (local.get 1) (local.get 2))))
 */
export const bridgeBytes: Uint8Array<ArrayBuffer> = Uint8Array.from([
  ...[0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 3, 127, 127, 127, 0],
  ...[2, 41, 2, 6, 101, 110, 103, 105, 110, 101, 7, 119, 111, 114, 107, 105, 110, 103, 2, 3, 1, 128, 128, 4],
  ...[6, 101, 110, 103, 105, 110, 101, 5, 111, 116, 104, 101, 114, 2, 3, 1, 128, 128, 4],
  ...[3, 3, 2, 0, 0, 7, 15, 2, 5, 98, 114, 105, 110, 103, 0, 0, 3, 112, 117, 116, 0, 1],
  ...[10, 27, 2, 12, 0, 32, 0, 32, 1, 32, 2, 252, 10, 0, 1, 11, 12, 0, 32, 0, 32, 1, 32, 2, 252, 10, 1, 0, 11],
]);

/** @returns whether this engine takes modules of two memories, which is what more than 4 GiB need */
export function hasSeveralMemories(): boolean {
  return WebAssembly.validate(bridgeBytes);
}

type Copy = (to: number, from: number, bytes: number) => void;

/** A memory other than the working one, as one thread uses it. */
export interface OtherMemory {
  /** The same kernels, over this memory. */
  readonly kernels: Kernels;
  /** Address of the thread's desk in it. */
  readonly desk: number;
  /** Copies bytes from this memory into the working one. */
  readonly bring: Copy;
  /** Copies bytes from the working memory into this one. */
  readonly put: Copy;
}

/** What {@link OtherMemories} are made of. */
export interface OtherMemoriesParts {
  readonly module: WebAssembly.Module;
  /** All, the working one first. */
  readonly memories: readonly WebAssembly.Memory[];
  /** The thread's number, which says which desk is its own. */
  readonly index: number;
}

/** The memories other than the working one, as one thread uses them. What it needs of one is made when it first comes there. */
export class OtherMemories {
  readonly #parts: OtherMemoriesParts;
  readonly #known: (OtherMemory | undefined)[] = [];
  #bridge: WebAssembly.Module | undefined;

  constructor(parts: OtherMemoriesParts) {
    this.#parts = parts;
  }

  /** @returns undefined when the address is of the working memory */
  at(address: number): OtherMemory | undefined {
    const number = memoryOf(address);
    if (number === 0) return undefined;
    this.#known[number] ??= this.#create(number);
    return this.#known[number];
  }

  /** All of the memory that an address is in. */
  bufferAt(address: number): ArrayBufferLike {
    return this.#parts.memories[memoryOf(address)]!.buffer;
  }

  #create(number: number): OtherMemory {
    const { module, memories, index } = this.#parts;
    const [working, other] = [memories[0]!, memories[number]!];
    this.#bridge ??= new WebAssembly.Module(bridgeBytes);
    const bridge = new WebAssembly.Instance(this.#bridge, { engine: { working, other } });
    const { bring, put } = bridge.exports as Record<"bring" | "put", Copy>;
    const { exports } = new WebAssembly.Instance(module, { engine: { memory: other } });
    return { kernels: exports as Kernels, desk: lineBytes + index * deskBytes, bring, put };
  }
}
