import { realpathSync } from "node:fs";
import { rm } from "node:fs/promises";
import { resolve } from "node:path";
import { Worker, type WorkerOptions } from "node:worker_threads";
import type { FolderPlace } from "./atomic-folder.ts";
import { forget, keepTrack, temporaryBeside } from "./unfinished.ts";

/** What the worker is started with. */
export interface MergeWorkerData {
  readonly place: FolderPlace;
}

/**
 * Starts the worker that merges into a folder. Where it writes is known here before it begins: a worker that is ended, or whose process goes at once,
 * takes nothing away itself.
 */
export function spawnMergeWorker(folder: string, options: WorkerOptions): Worker {
  const place = placeOf(folder);
  const { temporary } = place;
  const workerData: MergeWorkerData = { place };
  const worker = new Worker(new URL("./merge-worker.ts", import.meta.url), { ...options, workerData });
  keepTrack(temporary);
  worker.once("exit", () => {
    // There is nothing any more when the folder is in its place, or was discarded.
    void rm(temporary, { recursive: true, force: true })
      .then(() => forget(temporary))
      .catch(() => {}); // tried again when the process ends
  });
  return worker;
}

/** Links are followed. @param path - of a folder, which need not be there */
export function placeOf(path: string): FolderPlace {
  let target = resolve(path);
  try {
    target = realpathSync(target);
  } catch {
    // There is none yet; whatever else is wrong shows when it is written.
  }
  return { target, temporary: temporaryBeside(target) };
}
