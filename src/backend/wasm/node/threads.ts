import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { SkeinError } from "../../../errors.ts";
import type { ThreadStart } from "../thread-start.ts";

/**
 * Starts a helping thread. It never ends by itself; the worker that started it takes it along.
 *
 * @returns when it is ready
 * @throws SkeinError (code `worker_failed`) when it does not start, for lack of memory for example
 */
export function startThread(start: ThreadStart): Promise<void> {
  const worker = new Worker(new URL("./thread-worker.ts", import.meta.url), { name: "skein-thread", execArgv: [] });
  worker.unref();
  worker.postMessage(start);
  return new Promise((resolve, reject) => {
    const fail = ({ message }: Error): void => {
      reject(new SkeinError("worker_failed", `a thread did not start: ${message}; load with fewer threads`));
    };
    worker.once("error", fail);
    worker.once("message", () => {
      worker.off("error", fail); // what fails later ends this worker too, which is told to its owner
      resolve();
    });
  });
}

/** How many threads make sense, and may share memory. */
export function availableThreads(): number {
  return availableParallelism();
}

/** @returns false: threads have a file of their own */
export function becomeThread(): boolean {
  return false;
}
