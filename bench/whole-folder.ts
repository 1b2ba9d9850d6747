import { mkdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";

/** What stands in a folder once it is whole: a version of what made it, and the sizes of its files in bytes. */
export interface Contents {
  readonly version: string;
  readonly files: Readonly<Record<string, number>>;
}

const markerName = "whole.json";

/**
 * Makes a folder of large files once: it is there whole or not at all, whatever interrupts the writing, and is reused while its files have the sizes
 * that they shall have.
 *
 * @param write - writes the files into the folder that it is given
 * @returns the folder's path
 */
export async function reuseOrWrite(
  folder: string,
  contents: Contents,
  write: (folder: string) => Promise<void>,
): Promise<string> {
  if (await isWhole(folder, contents)) return folder;
  const partial = `${folder}.partial`;
  await rm(partial, { recursive: true, force: true });
  await mkdir(partial, { recursive: true });
  try {
    await write(partial);
    await writeFile(join(partial, markerName), JSON.stringify(contents));
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
  } catch (error) {
    await rm(partial, { recursive: true, force: true });
    throw error;
  }
  return folder;
}

async function isWhole(folder: string, contents: Contents): Promise<boolean> {
  try {
    if ((await readFile(join(folder, markerName), "utf8")) !== JSON.stringify(contents)) return false;
    for (const [name, bytes] of Object.entries(contents.files)) {
      if ((await stat(join(folder, name))).size !== bytes) return false;
    }
    return true;
  } catch {
    return false; // a file is missing
  }
}
