import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import { SkeinError } from "../../../errors.ts";
import type { ThreadStart } from "../thread-start.ts";

/**
 * Makes a helping thread. It never ends by itself; the worker that made it takes it along.
 *
 * @returns when it has all that it needs of the machine: what starts it, and returns when it is ready
 * @throws SkeinError (code `worker_failed`) when it cannot be had, for lack of memory for example; so does what is returned when it does not start
 */
export async function openThread(): Promise<(start: ThreadStart) => Promise<void>> {
  const worker = new Worker(new URL("./thread-worker.ts", import.meta.url), { name: "skein-thread", execArgv: [] });
  const online = new Promise<void>((resolve) => worker.once("online", resolve));
  const ready = new Promise<void>((resolve, reject) => {
    const fail = ({ message }: Error): void => {
      reject(new SkeinError("worker_failed", `a thread did not start: ${message}; load with fewer threads`));
    };
    worker.once("error", fail); // until it is ready: it may be online, and still fail to load its script
    worker.once("message", () => {
      worker.off("error", fail); // what fails later ends this worker too, which is told to its owner
      resolve();
    });
  });
  /** @returns when one of them has come; only then may the process end while there is a worker */
  const hear = (...events: readonly Promise<void>[]): Promise<void> => {
    worker.ref();
    return Promise.race(events).finally(() => worker.unref());
  };
  ready.catch(() => {}); // whoever starts it hears of that
  await hear(online, ready);
  return (start) => {
    worker.postMessage(start);
    return hear(ready);
  };
}

/** How many threads make sense, and may share memory. */
export function availableThreads(): number {
  return availableParallelism();
}

/** @returns false: threads have a file of their own */
export function becomeThread(): boolean {
  return false;
}
