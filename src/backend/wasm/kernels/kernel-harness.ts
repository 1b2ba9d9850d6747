import { assemble } from "../builder/assemble.ts";
import type { Target } from "../builder/code.ts";
import { type Kernel, mostPages } from "../builder/kernel.ts";

type Numbers = Float32Array | Float16Array | Int32Array | Int8Array | Uint8Array | Float64Array;
type NumbersClass<T extends Numbers> = new (buffer: ArrayBufferLike, offset: number, length: number) => T;

/** A module of some kernels, with memory of its own, for tests. */
export interface KernelHarness {
  readonly target: Target;
  /** The kernels, by their names. */
  readonly kernels: Readonly<Record<string, (...numbers: number[]) => void>>;
  /** @returns the address of memory that nobody has, filled with bytes that are no sensible number */
  readonly room: (bytes: number) => number;
  /** @returns the address of a copy */
  readonly put: (numbers: Numbers) => number;
  /** @returns a copy of what is at the address now */
  readonly get: <T extends Numbers>(type: NumbersClass<T>, address: number, length: number) => T;
  /** Gives all memory back. */
  readonly clear: () => void;
}

/** All that a kernel is built for. */
export const allTargets: readonly Target[] = [
  { relaxed: true, address: "i32" },
  { relaxed: false, address: "i32" },
  { relaxed: true, address: "i64" },
  { relaxed: false, address: "i64" },
];

/** The first byte is never used, so that an address is not 0. */
const start = 64;

/** Assembles kernels for a test. */
export async function kernelHarness(kernels: readonly Kernel[], target: Target, mebibytes = 8): Promise<KernelHarness> {
  const module = await WebAssembly.compile(await assemble(kernels, target));
  const pages = mebibytes * 16;
  const isWide = target.address === "i64";
  const memory = new WebAssembly.Memory({
    initial: isWide ? BigInt(pages) : pages,
    maximum: isWide ? BigInt(mostPages.i64) : mostPages.i32,
    shared: true,
    ...(isWide ? { address: "i64" } : {}),
  } as WebAssembly.MemoryDescriptor);
  const instance = await WebAssembly.instantiate(module, { engine: { memory } });
  let end = start;
  const room = (bytes: number) => {
    const address = end;
    end = Math.ceil((end + bytes) / 64) * 64;
    if (end > memory.buffer.byteLength) throw new RangeError("the harness needs more memory");
    new Uint8Array(memory.buffer, address, end - address).fill(0xff);
    return address;
  };
  return {
    target,
    kernels: instance.exports as Record<string, (...numbers: number[]) => void>,
    room,
    put(numbers) {
      const address = room(numbers.byteLength);
      new Uint8Array(memory.buffer).set(
        new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength),
        address,
      );
      return address;
    },
    get: (type, address, length) => new type(memory.buffer, address, length).slice() as InstanceType<typeof type>,
    clear: () => {
      end = start;
    },
  };
}
