import { setFlagsFromString } from "node:v8";
import * as threads from "node:worker_threads";

/*
 * V8's flags under which the kernels are compiled with joined vectors (see `wide-kernels.ts`). They are of the whole process: who sets them has a lock, and
 * takes them back. A worker that is ended from outside cannot; then its owner does.
 */
const joinVectors = "experimental-wasm-revectorize";
const compileAtOnce = "wasm-sync-tier-up";
const callsUntilHot = "wasm-tiering-budget";
/** V8's own; a test tells when that changes. */
const usualBudget = 13_000_000;

/** Whose joined vectors have passed the tests of the kernels; older ones join hardly anything, or have other flags. */
const leastV8 = 13;

/** Of all threads of the process; Node has them since version 24.5. */
const { locks }: { readonly locks?: LockManager } = threads;

/** What the worker of an engine is given by its owner. */
export interface WideningFacts {
  /** Node's flags for the process, some of which workers may not be given. */
  readonly execArgv: readonly string[];
  /** One word: 1 while this worker has set flags. */
  readonly isSet: SharedArrayBuffer;
}

/** What this thread was given, if it is such a worker. */
const given = (threads.workerData as { readonly widening?: WideningFacts } | null)?.widening;

/** What of a process tells whether V8's flags may be set in it. */
export interface ProcessFacts extends Pick<WideningFacts, "execArgv"> {
  readonly arch: string;
  readonly versions: Readonly<Record<string, string | undefined>>;
}

const ownFacts: ProcessFacts = {
  arch: process.arch,
  versions: process.versions,
  execArgv: given?.execArgv ?? process.execArgv,
};

/** @returns what a worker is to be given, as `workerData.widening` */
export function wideningFacts(): WideningFacts {
  return { execArgv: ownFacts.execArgv, isSet: new SharedArrayBuffer(4) };
}

/**
 * @returns whether vectors may be joined here. Not in Electron, whose V8 may end the process when a flag is set late, nor where whoever started the process chose
 * V8's WebAssembly flags. Whether the processor has vectors of 256 bits is V8's to know: where it has none, nothing is joined.
 */
export function canWiden({ arch, versions, execArgv }: ProcessFacts = ownFacts): boolean {
  const { v8 = "0", electron, bun, deno } = versions;
  const isNode = [electron, bun, deno].every((version) => version === undefined);
  // --experimental-wasm-modules is Node's own.
  const ofV8 = /^--(no-?)?(wasm|liftoff|experimental-wasm-(?!modules))/;
  const isTuned = execArgv.some((flag) => ofV8.test(flag.replaceAll("_", "-")));
  return arch === "x64" && isNode && Number.parseInt(v8, 10) >= leastV8 && locks !== undefined && !isTuned;
}

/** Does something while no other thread of the process has flags set. Only where {@link canWiden}. */
export function whileOthersWait<T>(work: () => Promise<T>): Promise<T> {
  return locks!.request("skein: V8's flags", work) as Promise<T>;
}

/**
 * Compiles a module, and what is called of it meanwhile, with joined vectors. Only in {@link whileOthersWait}.
 *
 * @param use - calls all that is to be compiled so
 */
export async function compileJoined<T>(
  bytes: Uint8Array<ArrayBuffer>,
  use: (module: WebAssembly.Module) => Promise<T>,
): Promise<{ readonly module: WebAssembly.Module; readonly result: T }> {
  note(1);
  try {
    setFlagsFromString(`--${callsUntilHot}=1`);
    const module = new WebAssembly.Module(bytes);
    setFlagsFromString(`--${callsUntilHot}=${usualBudget}`);
    setFlagsFromString(`--${joinVectors}`);
    setFlagsFromString(`--${compileAtOnce}`);
    return { module, result: await use(module) };
  } finally {
    takeBack();
    note(0);
  }
}

/** Takes back what a worker that has ended had set, if it had. @param facts - what it was given */
export async function takeBackAfter({ isSet }: WideningFacts): Promise<void> {
  if (Atomics.load(new Int32Array(isSet), 0) === 1) await whileOthersWait(async () => takeBack());
}

function takeBack(): void {
  setFlagsFromString(`--${callsUntilHot}=${usualBudget}`);
  setFlagsFromString(`--no-${compileAtOnce}`);
  setFlagsFromString(`--no-${joinVectors}`);
}

function note(isSet: 0 | 1): void {
  if (given) Atomics.store(new Int32Array(given.isSet), 0, isSet);
}
