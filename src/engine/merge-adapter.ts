import { workers } from "#workers";
import { InvalidOptionError, SkeinError, UnsupportedError } from "../errors.ts";
import { WorkerClient } from "./channel.ts";
import { checkOptions } from "./check-options.ts";
import type { MergeMethods } from "./merge-methods.ts";
import type { AdapterOptions, MergedModel, MergeOptions, Warning } from "./options.ts";
import { resolveSource } from "./resolve-source.ts";
import { resolveAdapter, sendAdapter } from "./send-adapter.ts";
import { checkSource, type ModelSource, sendSource } from "./source.ts";

/**
 * Writes a checkpoint of a model with an adapter merged into it, as transformers reads it: the same files, every tensor in the type that it had. The folder
 * appears when all of it is written, or not at all.
 *
 * @param source - and `adapter`: as for `loadModel`, ids on the Hub included
 * @param folder - one that there is not, or that is empty
 * @throws UnsupportedError for a GGUF file, and in a browser; SkeinError: `not_found`, `invalid_checkpoint`, `write_failed`, ...; InvalidConfigError;
 * InvalidOptionError; the signal's reason
 *
 * @example
 * await mergeAdapter("./Qwen2-7B-Instruct", "./law-lora", "./Qwen2-7B-law");
 */
export async function mergeAdapter(
  source: ModelSource,
  adapter: ModelSource | AdapterOptions,
  folder: string,
  options: MergeOptions = {},
): Promise<MergedModel> {
  checkOptions(options);
  if (typeof folder !== "string" || folder === "")
    throw new InvalidOptionError("folder", "must be the path of a folder to write");
  if (!workers.spawnMergeWorker) throw new UnsupportedError("a browser writes no checkpoints; use Node");
  const { download, signal, onProgress } = options;
  signal?.throwIfAborted();
  const early: Warning[] = [];
  const onWarning = (warning: Warning): void => void early.push(warning);
  const resolving = { download, signal, onProgress, onWarning };
  const baseSource = await resolveSource(source, resolving);
  const adapterSource = await resolveAdapter(adapter, resolving);
  const worker = new WorkerClient<MergeMethods>(workers.spawnMergeWorker(folder));
  const stops = [() => worker.close(new SkeinError("disposed", "the merge is over"))];
  try {
    const added = sendAdapter("to merge", adapterSource, "adapter");
    stops.push(added.stop);
    const base = sendSource(checkSource(baseSource));
    stops.push(base.stop);
    const call = { source: base.description, adapter: added.call, folder };
    const transfer = [...base.transfer, ...added.transfer];
    // Not abandoned: the worker takes away what it has written by then.
    const merged = await worker.call("merge", call, { signal, onEvent: onProgress, transfer });
    return { folder, ...merged, warnings: [...early, ...merged.warnings] };
  } finally {
    for (const stop of stops) stop();
  }
}
