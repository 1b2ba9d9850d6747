import { runThread, type ThreadStart } from "../thread-start.ts";

const threadName = "skein-thread";

/**
 * Starts a helping thread. It never ends by itself; the worker that started it takes it along. It runs the same script as this worker, since bundlers
 * do not find a worker's script inside a worker.
 */
export function startThread(start: ThreadStart): void {
  new Worker(self.location.href, { type: "module", name: threadName }).postMessage(start);
}

/** How many threads make sense, and may share memory: only pages that are cross-origin isolated may. */
export function availableThreads(): number {
  return self.crossOriginIsolated ? navigator.hardwareConcurrency : 1;
}

/** @returns whether this worker was started as a thread; then it waits for its start */
export function becomeThread(): boolean {
  if (self.name !== threadName) return false;
  self.addEventListener("message", ({ data }) => runThread(data as ThreadStart), { once: true });
  return true;
}
