import { SkeinError } from "../../errors.ts";
import type { WorkerHandle } from "../channel.ts";
import type { Workers } from "../platform.ts";

export const workers: Workers = {
  spawnEngineWorker: () => start(() => new Worker(new URL("../engine-worker.ts", import.meta.url), { type: "module" })),
  spawnTextWorker: () => start(() => new Worker(new URL("../text-worker.ts", import.meta.url), { type: "module" })),
  spawnGgufWorker: () => start(() => new Worker(new URL("./gguf-worker.ts", import.meta.url), { type: "module" })),
  spawnQuantizeWorker: undefined,
  spawnMergeWorker: undefined,
  // As `fetch` would take the path.
  pageAddress: (path) => new Request(path).url,
  spawnTemplateWorker: () =>
    start(() => new Worker(new URL("./template-worker.ts", import.meta.url), { type: "module" })),
};

/**
 * @param spawn - with the whole expression that bundlers look for
 * @throws SkeinError (code `worker_failed`) where a browser lets these scripts have no workers
 */
function start(spawn: () => Worker): WorkerHandle {
  let worker: Worker;
  try {
    worker = spawn();
  } catch (cause) {
    const message = `no worker can be started (${cause}); serve the package's scripts from the page's own origin`;
    throw new SkeinError("worker_failed", message, { cause });
  }
  return {
    post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
    onMessage: (listener) => worker.addEventListener("message", (event) => listener(event.data)),
    onFailure: (listener) => {
      worker.addEventListener("error", (event) =>
        listener(new Error(event.message ?? "its script could not be loaded")),
      );
    },
    keepAlive: () => {}, // a page lives as long as it is open
    terminate: () => worker.terminate(),
  };
}
