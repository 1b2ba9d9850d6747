import { platform } from "#platform";
import type { CheckpointFiles } from "../checkpoint/files.ts";
import type { HubAddress } from "./inspection.ts";
import { findModelId } from "./resolve-source.ts";
import { type CheckedSource, checkSource, type ModelSource } from "./source.ts";

/** Files, or what is known without them, and where on the Hub they are. */
export interface Place<BuiltIn> {
  readonly place: CheckedSource | CheckpointFiles | BuiltIn;
  readonly hub: HubAddress | null;
}

/**
 * Where files are that are only looked at: a source; or, of an id on the Hub that is not in the cache, the files as they lie there.
 *
 * @param findBuiltIn - what is known about a name without any files; preferred to asking the Hub
 * @throws InvalidOptionError; HubError
 */
export async function findPlace<BuiltIn = never>(
  source: ModelSource,
  findBuiltIn: (name: string) => BuiltIn | undefined = () => undefined,
): Promise<Place<BuiltIn>> {
  const checked = checkSource(source);
  const id = await findModelId(source);
  if (id === undefined || typeof source !== "string") return { place: checked, hub: null };
  const { repository, revision } = id;
  const hub = await platform.openHub?.();
  const found = await hub?.find(id);
  if (found && "model" in found) {
    const { path, files } = found.model;
    const gguf = /\.gguf$/i.test(path) ? files.map(({ name }) => name) : [];
    return { place: { kind: "folder", path }, hub: { repository, revision, gguf } };
  }
  const builtIn = findBuiltIn(source);
  if (builtIn !== undefined) return { place: builtIn, hub: { repository, revision, gguf: [] } };
  if (!hub || hub.offline) return { place: checked, hub: null };
  const { files, gguf } = await hub.open(id);
  return { place: files, hub: { repository, revision, gguf } };
}
