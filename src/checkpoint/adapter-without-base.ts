import { SkeinError } from "../errors.ts";
import type { CheckpointFiles } from "./files.ts";

/**
 * An adapter in a model's place is called one.
 *
 * @param lacking - what it has not, as `there is no config.json`
 * @returns undefined where it is none
 */
export async function adapterWithoutBase(files: CheckpointFiles, lacking: string): Promise<SkeinError | undefined> {
  if ((await files.size("adapter_config.json")) === undefined) return undefined;
  return new SkeinError(
    "adapter_without_base",
    `${files.label}: ${lacking}, but an adapter; give the model that it belongs to, and the adapter beside it (--adapter NAME=PATH, or the option adapters)`,
  );
}
