import { assemble } from "../builder/assemble.ts";
import type { ParameterType } from "../builder/code.ts";
import { defineKernel, type Kernel, mostPages, type WasmFunction } from "../builder/kernel.ts";
import { allTargets, type Target } from "../builder/target.ts";

type Numbers = Float32Array | Float16Array | Uint16Array | Int32Array | Int8Array | Uint8Array;
type NumbersClass<T extends Numbers> = new (buffer: ArrayBufferLike, offset: number, length: number) => T;

/** A memory that kernels read and write. */
export interface HarnessMemory {
  readonly memory: WebAssembly.Memory;
  /** @returns the address of memory that nobody has; all its bits are set, so that floats are NaN */
  readonly room: (bytes: number) => number;
  /** @returns the address of a copy */
  readonly put: (numbers: Numbers) => number;
  /** @returns a copy of what is at the address now */
  readonly get: <T extends Numbers>(type: NumbersClass<T>, address: number, length: number) => T;
  /** Gives all memory back. */
  readonly clear: () => void;
}

/** A module of some kernels, with memory of its own, for tests. */
export interface KernelHarness extends HarnessMemory {
  /** What the module is built for, in words. */
  readonly name: string;
  /** The kernels, by their names. */
  readonly kernels: Readonly<Record<string, (...numbers: number[]) => void>>;
  /** What far addresses are of: the same memory, or another. */
  readonly far: HarnessMemory;
}

/** All variants, and 64-bit memory once. */
const testTargets: readonly Target[] = allTargets.slice(0, 4);

/** Assembles kernels for each of the targets. */
export function kernelHarnesses(
  kernels: readonly Kernel[],
  targets: readonly Target[] = testTargets,
): Promise<KernelHarness[]> {
  return Promise.all(targets.map((target) => kernelHarness(kernels, target)));
}

/** @returns a kernel that calls a function which is not exported; its name is the function's, and "Alone" */
export function alone<const P extends Readonly<Record<string, ParameterType>>>(inner: WasmFunction<P>): Kernel {
  return defineKernel(`${inner.name}Alone`, inner.parameters, (code, parameters) => code.call(inner, parameters));
}

/** What a harness has. */
export const memoryBytes: number = 2 ** 26;
/** The first bytes are never used, so that no address is 0. */
const start = 64;

async function kernelHarness(kernels: readonly Kernel[], target: Target): Promise<KernelHarness> {
  const module = await WebAssembly.compile(await assemble(kernels, target));
  const working = harnessMemory("i32");
  const far = target.address === "i32" ? working : harnessMemory(target.address);
  const engine = { memory: working.memory, far: far.memory };
  const instance = await WebAssembly.instantiate(module, { engine });
  return {
    ...working,
    name: `${target.variant}, ${target.address}`,
    kernels: instance.exports as Record<string, (...numbers: number[]) => void>,
    far,
    clear() {
      working.clear();
      far.clear();
    },
  };
}

function harnessMemory(address: "i32" | "i64"): HarnessMemory {
  const size = (pages: number): number => (address === "i64" ? BigInt(pages) : pages) as number;
  const descriptor = { initial: size(memoryBytes / 65536), maximum: size(mostPages[address]), shared: true, address };
  const memory = new WebAssembly.Memory(descriptor);
  let end = start;
  const room = (bytes: number) => {
    const address = end;
    end = Math.ceil((end + bytes) / 64) * 64;
    new Uint8Array(memory.buffer, address, end - address).fill(0xff);
    return address;
  };
  return {
    memory,
    room,
    put(numbers) {
      const address = room(numbers.byteLength);
      const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
      new Uint8Array(memory.buffer).set(bytes, address);
      return address;
    },
    get<T extends Numbers>(type: NumbersClass<T>, address: number, length: number): T {
      return new type(memory.buffer, address, length).slice() as T;
    },
    clear() {
      end = start;
    },
  };
}

/** @returns a source of normally distributed numbers, the same in every run */
export function normalNumbers(seed = 1): () => number {
  let state = seed;
  const uniform = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform());
}

/** Kinds of inputs that every kernel of sums must bear. */
export const inputKinds = ["normal", "huge", "tiny", "zero", "equal"] as const;

/** @returns numbers of a kind */
export function inputs(kind: (typeof inputKinds)[number], length: number, seed = 1): Float32Array {
  const normal = normalNumbers(seed);
  const number: Record<typeof kind, (i: number) => number> = {
    normal,
    huge: () => normal() * 1e15,
    tiny: () => normal() * 1e-18,
    zero: (i) => (i % 2 === 0 ? 0 : -0),
    equal: () => 0.7,
  };
  return Float32Array.from({ length }, (_, i) => number[kind](i));
}

/**
 * How far a sum of float32 products may be from its exact value, by the sum of the products' magnitudes.
 */
export function roundingError(terms: number, magnitudes: number): number {
  return terms * 2 ** -24 * magnitudes + 2 ** -140;
}
