import { assemble } from "../builder/assemble.ts";
import type { ParameterType } from "../builder/code.ts";
import { defineKernel, type Kernel, mostPages, type WasmFunction } from "../builder/kernel.ts";
import { type KernelVariant, kernelVariants } from "../builder/variant.ts";
import { memoryBytes, placeOf } from "../layout.ts";
import { OtherMemories, reservedBytes } from "../other-memories.ts";
import type { Thread } from "../thread.ts";

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
  /** Where operations find what lasts, matrices and tiles: the same memory, or another. */
  readonly lasting: HarnessMemory;
  /** @returns what operations need, with this scratch */
  readonly thread: (scratch: number) => Thread;
}

/** Assembles kernels, in each of the variants. */
export function kernelHarnesses(
  kernels: readonly Kernel[],
  variants: readonly KernelVariant[] = kernelVariants,
): Promise<KernelHarness[]> {
  return Promise.all(variants.map((variant) => kernelHarness(kernels, variant)));
}

/** The same, and one more in which what lasts is in a memory of its own. */
export async function operationHarnesses(kernels: readonly Kernel[]): Promise<KernelHarness[]> {
  return [...(await kernelHarnesses(kernels)), await kernelHarness(kernels, "relaxed", true)];
}

/** @returns a kernel that calls a function which is not exported; its name is the function's, and "Alone" */
export function alone<const P extends Readonly<Record<string, ParameterType>>>(inner: WasmFunction<P>): Kernel {
  return defineKernel(`${inner.name}Alone`, inner.parameters, (code, parameters) => code.call(inner, parameters));
}

/** What a harness has. */
export const harnessBytes: number = 2 ** 26;
/** The first bytes are never used, so that no address is 0. */
const start = 64;

async function kernelHarness(
  kernels: readonly Kernel[],
  variant: KernelVariant,
  hasOther = false,
): Promise<KernelHarness> {
  const module = await WebAssembly.compile(await assemble(kernels, variant));
  const working = harnessMemory(0, start);
  const lasting = hasOther ? harnessMemory(1, reservedBytes(1)) : working;
  const { exports } = await WebAssembly.instantiate(module, { engine: { memory: working.memory } });
  const all = exports as Record<string, (...numbers: number[]) => void>;
  const others = new OtherMemories({ module, memories: [working.memory, lasting.memory], index: 0 });
  return {
    ...working,
    name: hasOther ? `${variant}, two memories` : variant,
    kernels: all,
    lasting,
    thread: (scratch) => ({ kernels: all, others, scratch }),
    clear() {
      working.clear();
      lasting.clear();
    },
  };
}

/** @param first - the first place that is given away */
function harnessMemory(number: number, first: number): HarnessMemory {
  const descriptor = { initial: harnessBytes / 65536, maximum: mostPages, shared: true };
  const memory = new WebAssembly.Memory(descriptor);
  let end = first;
  const room = (bytes: number) => {
    const place = end;
    end = Math.ceil((end + bytes) / 64) * 64;
    new Uint8Array(memory.buffer, place, end - place).fill(0xff);
    return number * memoryBytes + place;
  };
  return {
    memory,
    room,
    put(numbers) {
      const address = room(numbers.byteLength);
      const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
      new Uint8Array(memory.buffer).set(bytes, placeOf(address));
      return address;
    },
    get<T extends Numbers>(type: NumbersClass<T>, address: number, length: number): T {
      return new type(memory.buffer, placeOf(address), length).slice() as T;
    },
    clear() {
      end = first;
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
