import { platform } from "#platform";
import type { CheckpointFiles } from "../checkpoint/files.ts";
import { findModelId } from "./resolve-source.ts";
import { type CheckedSource, checkSource, type ModelSource } from "./source.ts";

/**
 * Where files are that are only looked at: a source; or, of an id on the Hub that is not in the cache, the files as they lie there.
 *
 * @param findBuiltIn - what is known about a name without any files; preferred to asking the Hub
 * @throws InvalidOptionError; HubError
 */
export async function findPlace<BuiltIn = never>(
  source: ModelSource,
  findBuiltIn: (name: string) => BuiltIn | undefined = () => undefined,
): Promise<CheckedSource | CheckpointFiles | BuiltIn> {
  const checked = checkSource(source);
  const id = await findModelId(source);
  if (id === undefined || typeof source !== "string") return checked;
  const hub = await platform.openHub?.();
  const found = await hub?.find(id);
  if (found && "model" in found) return { kind: "folder", path: found.model.path };
  return findBuiltIn(source) ?? (hub && !hub.offline ? await hub.open(id) : checked);
}
