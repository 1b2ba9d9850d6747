import { spawnSync } from "node:child_process";
import { buildModule } from "../builder/kernel.ts";
import type { KernelVariant } from "../builder/variant.ts";
import { kernels } from "../operations/kernels.ts";
import { kernelBytes } from "./kernels.ts";

/** What V8's revectorize pass, which makes one vector of 256 bits of two of 128, says of a function. */
export interface Widening {
  /** Pairs of stores to neighbouring places that it began at, and those of them whose vectors were not computed alike all the way from memory. */
  readonly pairs: number;
  readonly failedPairs: number;
  /** Pairs of instructions that became one. */
  readonly instructions: number;
  /** Stores of a vector in the function's text, without those of functions that are inlined. */
  readonly stores: number;
}

// One task, so that functions come one after the other.
const flags = [
  ...["--no-liftoff", "--no-wasm-lazy-compilation", "--wasm-num-compilation-tasks=1"],
  ...["--experimental-wasm-revectorize", "--trace-wasm-revectorize"],
];
const compile = 'new WebAssembly.Module(require("node:fs").readFileSync(0))';

/**
 * Compiles the kernels in a process of its own, and reads what the pass tells.
 *
 * @returns by the functions' names; nothing where the pass does not run: it is of V8 for x64 processors with AVX2
 * @throws Error if the engine has the pass, and does not compile the module
 */
export async function traceWidening(variant: KernelVariant): Promise<ReadonlyMap<string, Widening> | undefined> {
  const functions = functionTexts(variant);
  const { status, stdout, stderr } = spawnSync(process.execPath, [...flags, "-e", compile], {
    input: await kernelBytes(variant),
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  });
  if (stderr.includes("bad option")) return undefined;
  if (status !== 0) throw new Error(`the kernels were not compiled with ${flags.join(" ")}: ${stderr}`);
  const traces = splitTrace(stdout);
  if (traces.length === 0) return undefined;
  const entries = traces.map((trace) => {
    const text = functions[Number.parseInt(trace, 10)]!;
    return [nameOf(text), readTrace(trace, text)] as const;
  });
  return new Map(entries);
}

/** @returns the names of the kernels' functions that a trace tells of; inlined ones are not among them */
export function tracedNames(trace: string, variant: KernelVariant): readonly string[] {
  const functions = functionTexts(variant);
  return splitTrace(trace).map((part) => nameOf(functions[Number.parseInt(part, 10)]!));
}

/** Each begins with the function's number. */
function splitTrace(trace: string): readonly string[] {
  return trace.split("Begin revec function wasm-function#").slice(1);
}

/** Each begins with the function's name. */
function functionTexts(variant: KernelVariant): readonly string[] {
  return buildModule(kernels, variant).split("\n(func $").slice(1);
}

function nameOf(text: string): string {
  return /^\w+/.exec(text)![0];
}

function readTrace(trace: string, text: string): Widening {
  const decided = trace.matchAll(/Decided to vectorize, (\d+) revectorizable nodes/g);
  return {
    pairs: trace.match(/^\{$/gm)?.length ?? 0,
    failedPairs: trace.match(/Building SLP tree failed/g)?.length ?? 0,
    instructions: [...decided].reduce((sum, [, count]) => sum + Number(count), 0),
    stores: text.match(/\(v128\.store /g)?.length ?? 0,
  };
}
