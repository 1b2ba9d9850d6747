import type { WorkerHandle } from "../channel.ts";
import type { Workers } from "../platform.ts";

export const workers: Workers = {
  spawnEngineWorker: () => handleOf(new Worker(new URL("../engine-worker.ts", import.meta.url), { type: "module" })),
  spawnTextWorker: () => handleOf(new Worker(new URL("../text-worker.ts", import.meta.url), { type: "module" })),
  spawnGgufWorker: () => handleOf(new Worker(new URL("./gguf-worker.ts", import.meta.url), { type: "module" })),
  spawnQuantizeWorker: undefined,
  spawnMergeWorker: undefined,
  pageAddress,
  spawnTemplateWorker: () => handleOf(new Worker(new URL("./template-worker.ts", import.meta.url), { type: "module" })),
};

/** @returns the address of a folder, or of a GGUF file, as `fetch` would take the path */
function pageAddress(path: string): string {
  return new Request(/(\/|\.gguf)$/i.test(path) ? path : `${path}/`).url;
}

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
