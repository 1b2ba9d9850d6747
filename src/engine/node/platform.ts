import { openAsBlob } from "node:fs";
import { stat } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { parentPort, type Transferable, Worker } from "node:worker_threads";
import type { CheckpointFiles } from "../../checkpoint/files.ts";
import { openUrl } from "../../checkpoint/http.ts";
import { openDirectory } from "../../checkpoint/node/directory.ts";
import { SkeinError } from "../../errors.ts";
import type { OwnerPort, WorkerHandle } from "../channel.ts";
import type { Platform } from "../platform.ts";
import { openSharedFiles } from "../shared-files.ts";
import type { SourceDescription } from "../source.ts";
import { createAtomicFile } from "./atomic-file.ts";

/** Memory that the text worker may take; a template that wants more ends that worker, not the process. Building a tokenizer takes 0.5 GB. */
const textWorkerMegabytes = 4096;

/** Workers inherit Node's flags, but `node --input-type=module -e ...` speaks of its own text, and ends every worker that is a file. */
const inheritedFlags = process.execArgv.filter((flag) => !flag.startsWith("--input-type"));

export const platform: Platform = {
  spawnEngineWorker: () =>
    handleOf(
      new Worker(new URL("../engine-worker.ts", import.meta.url), { name: "skein-engine", execArgv: inheritedFlags }),
    ),
  spawnTextWorker: () =>
    handleOf(
      new Worker(new URL("../text-worker.ts", import.meta.url), {
        name: "skein-text",
        execArgv: inheritedFlags,
        resourceLimits: { maxOldGenerationSizeMb: textWorkerMegabytes },
      }),
    ),
  ownerPort,
  openSource,
  isFolder: async (path) => {
    try {
      return (await stat(path)).isDirectory();
    } catch {
      return false;
    }
  },
  createFile: createAtomicFile,
  openFile,
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

function ownerPort(): OwnerPort {
  const port = parentPort;
  if (!port) throw new SkeinError("internal", "this file runs as a worker of a model only");
  return {
    post: (message, transfer = []) => port.postMessage(message, [...transfer]),
    onMessage: (listener) => port.on("message", listener),
  };
}

async function openSource(source: SourceDescription): Promise<CheckpointFiles> {
  switch (source.kind) {
    case "folder":
      return openDirectory(source.path);
    case "url":
      return source.url.startsWith("file:") ? openDirectory(fileURLToPath(source.url)) : openUrl(new URL(source.url));
    case "files":
      return openSharedFiles(source.shared);
  }
}

async function openFile(path: string): Promise<Blob> {
  const found = await stat(path).catch((error: NodeJS.ErrnoException) => {
    throw new SkeinError("not_found", `${path}: cannot be read (${error.code ?? error.message})`, { cause: error });
  });
  if (!found.isFile()) throw new SkeinError("not_found", `${path}: is not a file`);
  return openAsBlob(path);
}
