import { kernelBytes } from "#kernels";
import { SkeinError, UnsupportedError } from "../../../errors.ts";
import type { CacheLayout, CacheType, WeightSpec } from "../../backend.ts";
import type { KernelVariant } from "../builder/variant.ts";
import { exercise, type KernelUse } from "../exercise.ts";
import { createWasmBackend } from "../wasm.ts";
import { canWiden, compileJoined, whileOthersWait } from "./widening-flags.ts";

export { canWiden };

/*
 * V8 can join neighbouring operations on 128-bit vectors, which is what WebAssembly has, to one of 256 bits: same bits, up to twice as fast on
 * processors with AVX2. It is behind a flag, which counts for whatever is compiled while it is set. So it is set only while the kernels are compiled: they
 * are made hot after their first call, and then compiled at once, by the thread that calls them, instead of some time later by another.
 */

/** What {@link canWiden} asks for, in words. */
const wideNeeds =
  "Node 24.5 or newer on x64, not Electron, and none of V8's WebAssembly flags set; leave the option out";

/** Said where kernels with joined vectors are not used after all. */
const notWide =
  "kernels: vectors of 256 bits computed something else than those of 128, or could not be tried; those of 128 are used. Please report this with your version of Node and your processor";

/** Weights of fewer bytes are read and multiplied before the kernels with wide vectors would be compiled and checked. */
const leastWideBytes = 32 * 2 ** 20;

/** Kernels with joined vectors, where they were found to do, or why they are not used although they were tried. */
export interface WideKernels {
  readonly module?: WebAssembly.Module;
  readonly problem?: string;
}

/**
 * The kernels with joined vectors, if they are asked for, or nothing else is and they are worth it.
 *
 * @param choice - `wide`, `auto`, or other kernels, which are left as they are
 * @throws UnsupportedError where there are none and `wide` asks for them
 */
export async function findWideKernels(
  choice: string,
  variant: KernelVariant,
  specs: readonly WeightSpec[],
  { type, headDim }: Pick<CacheLayout, "type" | "headDim">,
  weightBytes: number,
): Promise<WideKernels> {
  if (choice === "wide" && !canWiden()) throw new UnsupportedError(`kernels: wide needs ${wideNeeds}`);
  const isWanted = choice === "wide" || (choice === "auto" && weightBytes >= leastWideBytes);
  if (!isWanted || !canWiden()) return {};
  const module = await loadWideKernels(variant, specs, type, headDim).catch(withoutRoom);
  return module ? { module } : { problem: notWide };
}

/** What only makes things faster is done without where there is no memory for it. */
function withoutRoom(error: unknown): undefined {
  if (!(error instanceof SkeinError) || error.code !== "out_of_memory") throw error;
}

/**
 * Loads the kernels with joined vectors, and compares what they compute with what those of 128 bits do.
 *
 * Only where {@link canWiden}.
 *
 * @param specs - the model's tensors: kernels that none of them needs are compiled later, with 128 bits
 * @returns undefined when a single bit differs
 * @throws SkeinError (code `out_of_memory`) where there is no room to try
 */
export async function loadWideKernels(
  variant: KernelVariant,
  specs: readonly WeightSpec[],
  cache: CacheType,
  headDim: number,
): Promise<WebAssembly.Module | undefined> {
  const bytes = await kernelBytes(variant);
  const use = { matrices: matricesOf(specs), cache, headDim };
  const run = async (module: WebAssembly.Module): Promise<readonly Float32Array[]> =>
    exercise(await createWasmBackend({ variant, threads: 1, module }), use);
  // One at a time in a process, whose threads have the flags in common: who is done first would take them from the other, and what is to be without them had them.
  const [expected, { module, result }] = await whileOthersWait(async () => [
    await run(await WebAssembly.compile(bytes)),
    await compileJoined(withMark(bytes), run),
  ]);
  return isSame(result, expected) ? module : undefined;
}

/** How matrices are kept, each way once; only those of 4 bits can be met finely. */
function matricesOf(specs: readonly WeightSpec[]): KernelUse["matrices"] {
  const ways = specs
    .filter(({ shape }) => shape.length === 2)
    .map(({ type, isFine = false }) => ({ type, isFine: isFine && type === "q4" }));
  return [...new Map(ways.map((way) => [`${way.type} ${way.isFine}`, way])).values()];
}

/** @returns whether all numbers have the same bits */
export function isSame(a: readonly Float32Array[], b: readonly Float32Array[]): boolean {
  const bitsOf = (x: Float32Array): Uint32Array => new Uint32Array(x.buffer, x.byteOffset, x.length);
  return (
    a.length === b.length &&
    a.every((numbers, i) => {
      const expected = bitsOf(b[i]!);
      return numbers.length === expected.length && bitsOf(numbers).every((bits, at) => bits === expected[at]);
    })
  );
}

/** The module with a section that means nothing: of equal modules in a process V8 compiles one, and this one is to have code of its own. */
function withMark(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const name = new TextEncoder().encode("wide");
  const section = [0, name.length + 1, name.length, ...name];
  const marked = new Uint8Array(bytes.length + section.length);
  marked.set(bytes);
  marked.set(section, bytes.length);
  return marked;
}
