import { type FileHandle, lstat, mkdir, open, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { InvalidOptionError } from "../../errors.ts";
import type { AtomicFolder } from "../platform.ts";
import { writeFully } from "./unfinished.ts";
import { explainWriteError } from "./write-error.ts";

/** Where a folder will be, and where it is written until it is complete. */
export interface FolderPlace {
  readonly target: string;
  readonly temporary: string;
}

/**
 * Writes beside the final path under another name, and renames when all of it is on the disk.
 *
 * @param path - of a folder that there is not, or that is empty
 * @param place - of this folder; whoever chose it takes the temporary one away when this thread is ended
 * @throws InvalidOptionError when something is there; SkeinError (code `write_failed`) with the path and the reason
 */
export async function createAtomicFolder(path: string, { target, temporary }: FolderPlace): Promise<AtomicFolder> {
  await explainWriteError(path, () => refuseOccupied(path, target));
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
        await refuseOccupied(path, target);
        await rmdir(target).catch(() => {}); // an empty one, which not every system replaces
        await rename(temporary, target);
      }),
    discard,
  };
}

/** Said before all the work: what has something in it, and what renaming cannot replace. */
async function refuseOccupied(path: string, target: string): Promise<void> {
  const found = await lstat(target).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (found === undefined) return;
  if (found.isSymbolicLink())
    throw new InvalidOptionError("folder", `${path} is a link to what there is not; name the folder itself`);
  if ((await readdir(target)).length > 0)
    throw new InvalidOptionError(
      "folder",
      `${path} is not empty; name a folder that there is not, so that nothing is mixed or lost`,
    );
  if (found.dev !== (await stat(dirname(target))).dev)
    throw new InvalidOptionError(
      "folder",
      `${path} is where another disk begins (a mount point), which cannot be replaced; name a folder in it that there is not`,
    );
}
