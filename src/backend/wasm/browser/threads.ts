import { SkeinError } from "../../../errors.ts";
import { runThread, type ThreadStart } from "../thread-start.ts";

const threadName = "skein-thread";

/**
 * Makes a helping thread. It never ends by itself; the worker that made it takes it along. It runs the same script as this worker, since bundlers
 * do not find a worker's script inside a worker.
 *
 * @returns what starts it, and returns when it is ready
 * @throws SkeinError (code `worker_failed`), of what is returned, when it does not start
 */
export async function openThread(): Promise<(start: ThreadStart) => Promise<void>> {
  const worker = new Worker(self.location.href, { type: isModule() ? "module" : "classic", name: threadName });
  const answer = new Promise<void>((resolve, reject) => {
    const fail = (event: ErrorEvent): void => {
      event.preventDefault();
      const reason = event.message ?? "its script could not be loaded";
      reject(new SkeinError("worker_failed", `a thread did not start: ${reason}; load with threads: 1`));
    };
    worker.addEventListener("error", fail);
    const ready = (): void => {
      worker.removeEventListener("error", fail); // what fails later is told to the page
      resolve();
    };
    worker.addEventListener("message", ready, { once: true });
  });
  answer.catch(() => {}); // whoever starts it hears of that
  return (start) => {
    worker.postMessage(start);
    return answer;
  };
}

/** How many threads make sense, and may share memory: only pages that are cross-origin isolated may. */
export function availableThreads(): number {
  return self.crossOriginIsolated ? navigator.hardwareConcurrency : 1;
}

/** @returns whether this worker was started as a thread; then it waits for its start */
export function becomeThread(): boolean {
  if (self.name !== threadName) return false;
  self.addEventListener("message", ({ data }) => runThread(data as ThreadStart, () => self.postMessage("ready")), {
    once: true,
  });
  return true;
}

/** Whether this script is a module; some bundlers make a classic script of it. */
function isModule(): boolean {
  try {
    (self as unknown as { importScripts: () => void }).importScripts();
    return false;
  } catch {
    return true;
  }
}
