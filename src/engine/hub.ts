import { platform } from "#platform";
import type { Hub, HubListing, HubModel, PullOptions, RemovedModel } from "../checkpoint/hub/hub.ts";
import { requireModelId } from "../checkpoint/hub/model-id.ts";
import { InvalidOptionError, UnsupportedError } from "../errors.ts";
import { checkOptions } from "./check-options.ts";
import type { Progress } from "./options.ts";

/** How {@link pullModel} downloads. */
export interface PullModelOptions extends Pick<PullOptions, "signal" | "onPlan"> {
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/**
 * Downloads a model from the Hub into the cache that it shares with Python's `huggingface_hub`, or brings it up to date: only the files that are needed, only
 * what is missing. What breaks off is gone on with the next time.
 *
 * @param id - `Qwen/Qwen2-0.5B-Instruct`, with `@REVISION` for another than `main`; of a repository of GGUF files `OWNER/NAME:Q4_K_M` or `OWNER/NAME/FILE.gguf`
 * @throws HubError (`not_found`, `gated`, `network`, ...); UnsupportedError in a browser; the signal's reason
 *
 * @example
 * const { path } = await pullModel("Qwen/Qwen2-0.5B-Instruct", { onPlan: ({ missingBytes }) => console.log(missingBytes) });
 * await using model = await loadModel(path);
 */
export async function pullModel(id: string, options: PullModelOptions = {}): Promise<HubModel> {
  checkOptions(options);
  const { signal, onPlan, onProgress } = options;
  if (onPlan !== undefined && typeof onPlan !== "function")
    throw new InvalidOptionError("onPlan", "must be a function");
  const parsed = requireModelId(id);
  signal?.throwIfAborted();
  const hub = await requireHub();
  return await hub.pull(parsed, {
    signal,
    onPlan,
    onProgress: (completed, total) => onProgress?.({ phase: "download", completed, total }),
  });
}

/**
 * The models in the Hub's cache, whoever put them there.
 *
 * @throws UnsupportedError in a browser
 */
export async function listHubModels(): Promise<HubListing> {
  return await (await requireHub()).list();
}

/**
 * Removes a model from the Hub's cache. Without a revision in the id: all revisions of it; of a GGUF model that one.
 *
 * @throws HubError `not_cached` when it is not there, `busy` while it is downloaded; UnsupportedError in a browser
 */
export async function removeHubModel(id: string): Promise<RemovedModel> {
  const parsed = requireModelId(id);
  const { file, quantisation } = parsed;
  const everything = file === undefined && quantisation === undefined && !id.includes("@");
  return await (await requireHub()).remove(parsed, everything);
}

async function requireHub(): Promise<Hub> {
  if (platform.openHub === undefined) throw new UnsupportedError("a browser keeps no models on disk");
  return await platform.openHub();
}
