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
    await mkdir(path, { mode });
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== "ENOENT" && (await stat(path).catch(() => undefined))?.isDirectory()) return; // not every disk says EEXIST
    const above = dirname(path);
    if (code !== "ENOENT" || above === path) throw error;
    await makeFolder(above, mode);
    await mkdir(path, { mode }).catch(async (again: NodeJS.ErrnoException) => {
      if (again.code !== "EEXIST") throw again; // somebody else made it
    });
  }
}
