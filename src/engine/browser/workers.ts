import type { WorkerHandle } from "../channel.ts";
import type { Workers } from "../platform.ts";

export const workers: Workers = {
  spawnEngineWorker: () => handleOf(new Worker(new URL("../engine-worker.ts", import.meta.url), { type: "module" })),
  spawnTextWorker: () => handleOf(new Worker(new URL("../text-worker.ts", import.meta.url), { type: "module" })),
  spawnGgufWorker: () => handleOf(new Worker(new URL("./gguf-worker.ts", import.meta.url), { type: "module" })),
  spawnQuantizeWorker: undefined,
  spawnMergeWorker: undefined,
  // As `fetch` would take the path.
  pageAddress: (path) => new Request(path).url,
  spawnTemplateWorker: () => handleOf(new Worker(new URL("./template-worker.ts", import.meta.url), { type: "module" })),
};

function handleOf(worker: Worker): WorkerHandle {
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
