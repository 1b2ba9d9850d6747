import type { CheckpointFiles } from "./files.ts";
import type { TensorIndex } from "./tensors.ts";

/** What tells a file from another one that takes its place later. */
export interface FileIdentity {
  /** Relative to the checkpoint's folder. */
  readonly name: string;
  /** Bytes. */
  readonly size: number;
  /** When it was last changed, in milliseconds since 1970; fractions are kept. */
  readonly modified: number;
  /** SHA-256, in hexadecimal, of the file's beginning: up to 1 MiB, which holds a safetensors header and some of the numbers. */
  readonly headerHash: string;
}

/** A checkpoint as it is at this moment. */
export interface CheckpointIdentity {
  /** The folder's real path. */
  readonly source: string;
  /** `config.json` and all files with weights. */
  readonly files: readonly FileIdentity[];
}

/**
 * To be asked for *before* the weights are read: should a file be exchanged meanwhile, what was read of it then stands under the identity of
 * the old one, which does not come back.
 *
 * @returns undefined for sources that cannot say (a web address, Blobs)
 * @throws CheckpointError when a file cannot be read
 */
export async function identifyCheckpoint(
  files: CheckpointFiles,
  index: TensorIndex,
): Promise<CheckpointIdentity | undefined> {
  const { realPath, identify } = files;
  if (realPath === undefined || identify === undefined) return undefined;
  const names = new Set(["config.json"]);
  for (const name of index.names) {
    const entry = index.entry(name);
    if (entry !== undefined) names.add(entry.file);
  }
  return { source: realPath, files: await Promise.all([...names].sort().map((name) => identify(name))) };
}
