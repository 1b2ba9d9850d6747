import { setFlagsFromString } from "node:v8";
import { kernelBytes } from "#kernels";
import type { Target } from "../builder/target.ts";
import { exercise, type KernelUse } from "../exercise.ts";
import { createWasmBackend } from "../wasm.ts";

/*
 * V8 can join neighbouring operations on 128-bit vectors, which is what WebAssembly has, to one of 256 bits: same bits, up to twice as fast on
 * processors with AVX2. It is behind a flag, which counts for whatever is compiled while it is set. So it is set only while the kernels are compiled: they
 * are made hot after their first call, and then compiled at once, by the thread that calls them, instead of some time later by another.
 */
const joinVectors = "experimental-wasm-revectorize";
const compileAtOnce = "wasm-sync-tier-up";
const callsUntilHot = "wasm-tiering-budget";
/** V8's own, from version 12 to 14 at least. */
const usualBudget = 13_000_000;

/** V8 versions whose joined vectors have passed the tests of the kernels; older ones join hardly anything, or have other flags. */
const leastV8 = 13;

/** What of a process tells whether V8's flags may be set in it. */
export type ProcessFacts = Pick<NodeJS.Process, "arch" | "execArgv"> & {
  readonly versions: Readonly<Record<string, string | undefined>>;
  readonly env: Readonly<Record<string, string | undefined>>;
};

/**
 * @returns whether vectors may be joined here. Not in Electron, whose V8 may end the process when a flag is set late, nor where whoever started the process chose
 * V8's WebAssembly flags.
 */
export function canWiden({ arch, versions, execArgv, env }: ProcessFacts = process): boolean {
  const { v8 = "0", electron, bun, deno } = versions;
  const isNode = [electron, bun, deno].every((version) => version === undefined);
  const flags = [...execArgv, ...(env.NODE_OPTIONS?.split(/\s+/) ?? [])];
  const isTuned = flags.some((flag) => /^--(no-?)?(wasm|liftoff|experimental-wasm)/.test(flag.replaceAll("_", "-")));
  return arch === "x64" && isNode && Number.parseInt(v8, 10) >= leastV8 && !isTuned;
}

/**
 * Loads the kernels with joined vectors, and compares what they compute with what those of 128 bits do.
 *
 * @param use - what the model computes with: other kernels are compiled later, as V8 does it
 * @returns undefined when a single bit differs
 */
export async function loadWideKernels(target: Target, use: KernelUse): Promise<WebAssembly.Module | undefined> {
  const bytes = await kernelBytes(target);
  const run = async (module: WebAssembly.Module): Promise<readonly Float32Array[]> =>
    exercise(await createWasmBackend({ ...target, threads: 1, module }), use);
  const expected = await run(await WebAssembly.compile(bytes));
  const { module, result } = await compileWide(bytes, run);
  return isSame(result, expected) ? module : undefined;
}

/** @returns whether all numbers have the same bits */
export function isSame(a: readonly Float32Array[], b: readonly Float32Array[]): boolean {
  const bitsOf = (x: Float32Array): Uint32Array => new Uint32Array(x.buffer, x.byteOffset, x.length);
  return a.every((numbers, i) => {
    const expected = bitsOf(b[i]!);
    return bitsOf(numbers).every((bits, at) => bits === expected[at]);
  });
}

/**
 * Compiles the kernels with joined vectors: those that `use` calls.
 *
 * @param bytes - the module
 * @returns the module, and what `use` returned
 */
export async function compileWide<T>(
  bytes: Uint8Array,
  use: (module: WebAssembly.Module) => Promise<T>,
): Promise<{ readonly module: WebAssembly.Module; readonly result: T }> {
  setFlagsFromString(`--${callsUntilHot}=1`);
  let module: WebAssembly.Module;
  try {
    module = new WebAssembly.Module(withMark(bytes));
  } finally {
    setFlagsFromString(`--${callsUntilHot}=${usualBudget}`);
  }
  setFlagsFromString(`--${joinVectors}`);
  setFlagsFromString(`--${compileAtOnce}`);
  try {
    return { module, result: await use(module) };
  } finally {
    setFlagsFromString(`--no-${compileAtOnce}`);
    setFlagsFromString(`--no-${joinVectors}`);
  }
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
