import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { ThreadStart } from "../thread-start.ts";

/** Starts a helping thread. It never ends by itself; the worker that started it takes it along. */
export function startThread(start: ThreadStart): void {
  const worker = new Worker(new URL("./thread-worker.ts", import.meta.url), { name: "skein-thread", execArgv: [] });
  worker.unref();
  worker.postMessage(start);
}

/** How many threads make sense, and may share memory. */
export function availableThreads(): number {
  return availableParallelism();
}

/** @returns false: threads have a file of their own */
export function becomeThread(): boolean {
  return false;
}
