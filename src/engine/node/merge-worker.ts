import { workerData } from "node:worker_threads";
import type { CheckpointFiles } from "../../checkpoint/files.ts";
import { serve } from "../channel.ts";
import { mergeCheckpoint } from "../merge-checkpoint.ts";
import type { MergeMethods } from "../merge-methods.ts";
import { createAtomicFolder } from "./atomic-folder.ts";
import { openSource, platform } from "./platform.ts";
import type { MergeWorkerData } from "./spawn-merge-worker.ts";

const { place } = workerData as MergeWorkerData;

/** The worker that merges an adapter into its base and writes the checkpoint. One folder, then it is ended. */
serve<MergeMethods>(platform.ownerPort(), {
  merge: async ({ source, adapter, folder: path }, { signal, emit }) => {
    const opened: CheckpointFiles[] = [];
    try {
      opened.push(await openSource(source));
      opened.push(await openSource(adapter.source, "adapter"));
      const [files, adapterFiles] = opened;
      const folder = await createAtomicFolder(path, place);
      try {
        const merged = await mergeCheckpoint(files!, adapterFiles!, adapter, { folder, signal, onProgress: emit });
        await folder.commit();
        return merged;
      } catch (error) {
        await folder.discard();
        throw error;
      }
    } finally {
      for (const files of opened) await files.close();
    }
  },
});
