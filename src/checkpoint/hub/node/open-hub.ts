import { followGguf } from "../../gguf/follow-gguf.ts";
import { HubError } from "../errors.ts";
import { ggufChoices } from "../gguf-choice.ts";
import type { Hub } from "../hub.ts";
import { formatModelId, type ModelId } from "../model-id.ts";
import { selectFiles } from "../select-files.ts";
import { findCached } from "./find-cached.ts";
import { listModels } from "./list-models.ts";
import { pull } from "./pull.ts";
import { readRepository } from "./read-repository.ts";
import { openRemoteFiles } from "./remote-files.ts";
import { removeModel } from "./remove-model.ts";
import { type HubSettings, readHubSettings } from "./settings.ts";

/**
 * The Hub as the environment says it now.
 *
 * @throws InvalidOptionError when a variable of the environment cannot be followed
 */
export async function openHub(): Promise<Hub> {
  const settings = await readHubSettings();
  return {
    endpoint: settings.endpoint,
    folder: settings.cache,
    offline: settings.offline,
    find: (id) => findCached(settings, id),
    pull: (id, options) => {
      refuseOffline(settings, id);
      return pull(settings, id, options);
    },
    open: async (id, signal) => {
      refuseOffline(settings, id);
      const repository = await readRepository(settings, id, signal);
      const files = openRemoteFiles(settings, repository, signal);
      const names = repository.files.map(({ name }) => name);
      const isChosen = id.file !== undefined || id.quantisation !== undefined;
      // A configuration can be looked at without any weights, and without a choice among several.
      if (!isChosen && names.includes("config.json") && ggufChoices(names).length !== 1) return { files, gguf: [] };
      const selected = await selectFiles(id, names, files);
      const gguf = selected.gguf === undefined ? [] : selected.names;
      return { files: await followGguf(files, selected.gguf), gguf };
    },
    list: () => listModels(settings),
    remove: (id, everything) => removeModel(settings, id, everything),
  };
}

function refuseOffline({ offline, cache }: HubSettings, id: ModelId): void {
  if (offline === undefined) return;
  throw new HubError(
    "not_cached",
    `${formatModelId(id)} would have to be requested, which ${offline} forbids; the cache is ${cache}`,
  );
}
