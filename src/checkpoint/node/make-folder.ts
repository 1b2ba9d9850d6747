import { mkdir, stat } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Makes a folder and those above it, as `mkdir` with `recursive` does, which never ends where a folder that exists says of a new one that it does not
 * (`/proc`).
 *
 * @param mode - of the folders that are made
 * @throws Error of the file system
 */
export async function makeFolder(path: string, mode = 0o777): Promise<void> {
  try {
    await makeOne(path, mode);
  } catch (error) {
    const above = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== "ENOENT" || above === path) throw error;
    await makeFolder(above, mode);
    await makeOne(path, mode);
  }
}

/** A folder that is there is taken whatever the disk says of making it: not every one says EEXIST. */
async function makeOne(path: string, mode: number): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    const isThere = (await stat(path).catch(() => undefined))?.isDirectory() === true;
    if (!isThere) throw error;
  }
}
