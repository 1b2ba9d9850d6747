import { platform } from "#platform";
import { HubError } from "../checkpoint/hub/errors.ts";
import type { Hub, HubModel } from "../checkpoint/hub/hub.ts";
import { formatModelId, type ModelId, parseModelId } from "../checkpoint/hub/model-id.ts";
import { InvalidOptionError, SkeinError } from "../errors.ts";
import { isPublished } from "../model/published.ts";
import type { LoadOptions } from "./options.ts";
import type { ModelSource } from "./source.ts";

/** What decides whether, and how, a model is downloaded. */
export type ResolveOptions = Pick<LoadOptions, "download" | "signal" | "onProgress" | "onWarning">;

/**
 * A model's id on the Hub becomes the path of its files in the cache; everything else stays as it is. A model that is there is not asked for again: `pullModel`
 * brings it up to date.
 *
 * @throws HubError `not_cached` when it is not there and `download` does not ask for it; the errors of a download; the signal's reason
 */
export async function resolveSource(source: ModelSource, options: ResolveOptions): Promise<ModelSource> {
  const { download } = options;
  if (download !== undefined && typeof download !== "boolean" && typeof download !== "function")
    throw new InvalidOptionError("download", "must be true, false, or a function that answers with one of them");
  const id = await findModelId(source);
  if (id === undefined || typeof source !== "string") return source;
  if (platform.openHub === undefined) {
    // In a page it may be a path on the page's own server.
    if (isPublished(source)) throw new SkeinError("not_found", `${source}: ${onlyConfiguration}`);
    return source;
  }
  const hub = await platform.openHub();
  const found = await hub.find(id);
  if (!("model" in found)) {
    if (!download || hub.offline) throw notCached(hub, source, found.missing);
    return (await pullAsked(hub, id, options, source)).path;
  }
  let { doubt } = found;
  if (!found.isComplete && download && !hub.offline) {
    try {
      // What is there is completed; a newer commit would be another model.
      return (await pullAsked(hub, { ...id, revision: found.model.commit }, options)).path;
    } catch (error) {
      if (!(error instanceof HubError) || ["disk_full", "write_failed"].includes(error.code)) throw error;
      // Else `download` said no.
      if (error.code !== "not_cached") {
        // The Hub's answer may have settled the doubt.
        const now = await hub.find(id);
        if ("model" in now && now.isComplete) return now.model.path;
        doubt = `the Hub did not give what the cache may lack (${error.message}); what is there is used`;
      }
    }
  }
  if (doubt) options.onWarning?.({ code: "hub_not_reached", message: `${formatModelId(id)}: ${doubt}` });
  return found.model.path;
}

/** The id that a source is, unless a folder or file has this name. */
export async function findModelId(source: ModelSource): Promise<ModelId | undefined> {
  const id = typeof source === "string" ? parseModelId(source) : undefined;
  return id === undefined || (await platform.exists(source as string)) ? undefined : id;
}

const onlyConfiguration =
  "only its configuration is built in (for inspecting). Serve its files, and end their folder's path with a slash";

/** @param path - that the id may have been meant as */
function pullAsked(
  hub: Hub,
  id: ModelId,
  { download, signal, onProgress }: ResolveOptions,
  path?: string,
): Promise<HubModel> {
  return hub.pull(id, {
    path,
    signal,
    onPlan: async (plan) => {
      if (typeof download === "function" && (await download(plan)) !== true)
        throw new HubError("not_cached", `${plan.id}: it is not in the cache, and download did not want it`);
    },
    onProgress: (completed, total) => onProgress?.({ phase: "download", completed, total }),
  });
}

function notCached({ folder, offline, endpoint }: Hub, source: string, missing: string): HubError {
  const known = isPublished(source) ? "only its configuration is built in (for inspecting); " : "";
  const remedy = offline
    ? `${offline} forbids downloading it`
    : `skein pull ${source}, or download: true, downloads it from ${new URL(endpoint).host}`;
  return new HubError(
    "not_cached",
    `${source}: ${known}there is no such folder or file, and it is not in the Hub's cache, ${folder} (${missing}). ${remedy}`,
  );
}
