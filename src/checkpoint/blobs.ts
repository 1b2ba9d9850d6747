import { InvalidOptionError } from "../errors.ts";
import { CheckpointError } from "./errors.ts";
import { type CheckpointFiles, checkFileName, checkRange, closedFiles, missingFile } from "./files.ts";

/** A checkpoint's files in memory or from a file input: file name (`config.json`, `model.safetensors`, ...) to content. */
export type ModelFiles = Readonly<Record<string, Blob>>;

/**
 * A checkpoint from blobs, for browsers and tests.
 *
 * @throws InvalidOptionError when there are no files, or one of them is not a `Blob`.
 * @example
 * ```ts
 * const files = openBlobs({ "config.json": configFile, "model.safetensors": weightsFile });
 * ```
 */
export function openBlobs(modelFiles: ModelFiles): CheckpointFiles {
  // A map has no prototype to look names up in: `__proto__` or `constructor` are names like any other.
  let blobs = new Map<string, Blob>();
  for (const [name, blob] of Object.entries(modelFiles)) {
    if (!(blob instanceof Blob)) {
      throw new InvalidOptionError(`source[${JSON.stringify(name)}]`, "must be a Blob (a File is one)");
    }
    blobs.set(name, blob);
  }
  if (blobs.size === 0) throw new InvalidOptionError("source", "has no files; give at least config.json and weights");
  let closed = false;
  const label = "the given files";

  return {
    label,
    async size(name) {
      checkFileName(name, label);
      if (closed) throw closedFiles(label);
      return blobs.get(name)?.size;
    },
    async read(name, start, end) {
      checkFileName(name, label);
      if (closed) throw closedFiles(label);
      const blob = blobs.get(name);
      if (blob === undefined) throw missingFile(name, label);
      checkRange(`${name} in ${label}`, blob.size, start, end);
      return readBlob(blob, start, end, `${name} in ${label}`);
    },
    async list() {
      return [...blobs.keys()];
    },
    async close() {
      closed = true;
      blobs = new Map();
    },
  };
}

/**
 * Bytes of a blob, which may stand for a file on a disk.
 *
 * @param where - what it is, for the message
 * @throws CheckpointError (code `read_failed`) when the file is gone, or another than it was
 */
export async function readBlob(
  blob: Blob,
  start: number,
  end: number,
  where: string,
): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await blob.slice(start, end).arrayBuffer());
  } catch (cause) {
    throw new CheckpointError("read_failed", `${where} cannot be read (${cause}); give it again`, { cause });
  }
}
