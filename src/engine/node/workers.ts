import { type Transferable, Worker } from "node:worker_threads";
import { takeBackAfter, wideningFacts } from "../../backend/wasm/node/widening-flags.ts";
import type { WorkerHandle } from "../channel.ts";
import type { Workers } from "../platform.ts";
import { spawnMergeWorker } from "./spawn-merge-worker.ts";
import { spawnTemplateProcess } from "./spawn-template-process.ts";

/** Memory that the text worker may take. Building a tokenizer takes 0.5 GB. */
const textWorkerMegabytes = 4096;

/**
 * Workers inherit Node's flags by themselves; a list of one's own may hold few of them. But `node --input-type=module -e ...` speaks of its own text
 * and ends every worker that is a file, so that there, and only there, flags are left out.
 */
const flags = process.execArgv.some((flag) => flag.startsWith("--input-type")) ? { execArgv: [] } : {};

export const workers: Workers = {
  spawnEngineWorker: () => {
    const widening = wideningFacts();
    const url = new URL("../engine-worker.ts", import.meta.url);
    const worker = new Worker(url, { name: "skein-engine", workerData: { widening }, ...flags });
    worker.once("exit", () => void takeBackAfter(widening));
    return handleOf(worker);
  },
  spawnTextWorker: () =>
    handleOf(
      new Worker(new URL("../text-worker.ts", import.meta.url), {
        name: "skein-text",
        ...flags,
        resourceLimits: { maxOldGenerationSizeMb: textWorkerMegabytes },
      }),
    ),
  spawnGgufWorker: undefined,
  pageAddress: undefined,
  spawnQuantizeWorker: () =>
    handleOf(new Worker(new URL("./quantize-worker.ts", import.meta.url), { name: "skein-quantize", ...flags })),
  spawnMergeWorker: (folder) => handleOf(spawnMergeWorker(folder, { name: "skein-merge", ...flags })),
  spawnTemplateWorker: spawnTemplateProcess,
};

function handleOf(worker: Worker): WorkerHandle {
  return {
    // Node's MessagePort and the one of the DOM types are one class at run time.
    post: (message, transfer = []) => worker.postMessage(message, transfer as readonly Transferable[]),
    onMessage: (listener) => worker.on("message", listener),
    onFailure: (listener) => {
      worker.on("error", listener);
      worker.on("messageerror", listener);
      worker.on("exit", (code) => listener(new Error(`it exited with code ${code}`)));
    },
    keepAlive: (busy) => (busy ? worker.ref() : worker.unref()),
    terminate: () => void worker.terminate(),
  };
}
