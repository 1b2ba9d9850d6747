import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { InvalidOptionError } from "../../errors.ts";
import type { AtomicFolder } from "../platform.ts";
import { temporaryBeside, writeFully } from "./unfinished.ts";
import { explainWriteError } from "./write-error.ts";

/** Where a folder will be, and where it is written until it is complete. */
export interface FolderPlace {
  readonly target: string;
  readonly temporary: string;
}

/** @param path - of a folder, which need not be there */
export function placeOf(path: string): FolderPlace {
  const target = resolve(path);
  return { target, temporary: temporaryBeside(target) };
}

/**
 * Writes beside the final path under another name, and renames when all of it is on the disk.
 *
 * @param path - of a folder that there is not, or that is empty
 * @param place - of this folder; whoever chose it takes the temporary one away when this thread is ended
 * @throws InvalidOptionError when something is there; SkeinError (code `write_failed`) with the path and the reason
 */
export async function createAtomicFolder(path: string, { target, temporary }: FolderPlace): Promise<AtomicFolder> {
  await explainWriteError(path, () => refuseOccupied(path));
  await explainWriteError(path, () => mkdir(temporary));
  const opened = new Set<FileHandle>();
  const discard = async (): Promise<void> => {
    for (const file of opened) await file.close().catch(() => {});
    await rm(temporary, { recursive: true, force: true });
  };
  return {
    createFile: (name) =>
      explainWriteError(join(path, name), async () => {
        const place = join(temporary, name);
        if (dirname(name) !== ".") await mkdir(dirname(place), { recursive: true });
        const file = await open(place, "wx");
        opened.add(file);
        return {
          write: (bytes) => explainWriteError(join(path, name), () => writeFully(file, bytes)),
          close: () =>
            explainWriteError(join(path, name), async () => {
              await file.sync();
              await file.close();
              opened.delete(file);
            }),
        };
      }),
    commit: () =>
      explainWriteError(path, async () => {
        await refuseOccupied(path);
        await rmdir(target).catch(() => {}); // an empty one, which not every system replaces
        await rename(temporary, target);
      }),
    discard,
  };
}

async function refuseOccupied(path: string): Promise<void> {
  const names = await readdir(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  if (names.length > 0)
    throw new InvalidOptionError(
      "folder",
      `${path} is not empty; name a folder that there is not, so that nothing is mixed or lost`,
    );
}
