import type { Stats } from "node:fs";
import { lstat, stat, statfs } from "node:fs/promises";
import { dirname } from "node:path";
import { InvalidOptionError, SkeinError } from "../../errors.ts";

/** What is known of a file before it is written. */
export interface Destination {
  readonly path: string;
  readonly overwrite: boolean;
  /** How large it will be. */
  readonly bytes: number;
  /** Files that it is made of. */
  readonly sources: readonly string[];
}

/**
 * Says at once what would otherwise be said after all the work, or would cost the user a file.
 *
 * @throws InvalidOptionError (`destination`, `overwrite`); SkeinError (code `write_failed`) when the disk has no room
 */
export async function checkDestination({ path, overwrite, bytes, sources }: Destination): Promise<void> {
  const found = await statusOf(path);
  if (found !== undefined) {
    if (!found.isFile()) throw new InvalidOptionError("destination", `${path} is there and is not a file`);
    for (const source of sources) {
      const own = await statusOf(source);
      if (own?.ino === found.ino && own.dev === found.dev)
        throw new InvalidOptionError("destination", `${path} is a file of the source itself; give another path`);
    }
  }
  const isThere = (await lstat(path).catch(() => undefined)) !== undefined; // a link to nothing, too
  if (isThere && !overwrite)
    throw new InvalidOptionError("overwrite", `${path} is there already; set it to replace the file`);
  const disk = await statfs(dirname(path)).catch((error: NodeJS.ErrnoException) => {
    const reason = error.code === "ENOENT" ? "there is no such folder" : (error.code ?? error.message);
    throw new SkeinError("write_failed", `${path}: cannot be written (${reason})`, { cause: error });
  });
  const free = disk.bavail * disk.bsize;
  // Some disks, of networks above all, do not say.
  if (disk.blocks > 0 && free < bytes)
    throw new SkeinError(
      "write_failed",
      `${path}: cannot be written (it needs ${bytes} bytes, and the disk has ${free} free)`,
    );
}

/** @returns undefined when there is no such file */
async function statusOf(path: string): Promise<Stats | undefined> {
  return await stat(path).catch(() => undefined);
}
