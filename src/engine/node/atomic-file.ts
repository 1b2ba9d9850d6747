import { link, lstat, open, realpath, rename, stat, unlink } from "node:fs/promises";
import { SkeinError } from "../../errors.ts";
import type { AtomicFile } from "../platform.ts";
import { forget, keepTrack, temporaryBeside, writeFully } from "./unfinished.ts";
import { explainWriteError } from "./write-error.ts";

/**
 * Writes beside the final path under another name, and renames when all of it is on the disk. What stands there before keeps its access rights; a new
 * file is its owner's alone, since it may hold a document.
 *
 * @param mode - other access rights of a new file, less what the user's mask takes away
 * @param overwrite - whether a file that comes to stand there meanwhile is replaced; otherwise what was written is kept under its other name
 * @throws SkeinError (code `write_failed`) with the path and the reason
 */
export async function createAtomicFile(path: string, mode = 0o600, overwrite = true): Promise<AtomicFile> {
  const { target, rights = mode } = await explainWriteError(path, () => findTarget(path));
  const temporary = temporaryBeside(target);
  const file = await explainWriteError(path, () => open(temporary, "wx", rights));
  keepTrack(temporary);
  let isKept = false;
  const discard = async (): Promise<void> => {
    if (isKept) return;
    await file.close().catch(() => {});
    await unlink(temporary).catch(() => {});
    forget(temporary);
  };
  return {
    write: (bytes) => explainWriteError(path, () => writeFully(file, bytes)),
    commit: () =>
      explainWriteError(path, async () => {
        await file.sync();
        await file.close();
        if (overwrite) await rename(temporary, target);
        else isKept = !(await renameToNew(temporary, target));
        forget(temporary);
        if (isKept)
          throw new SkeinError(
            "write_failed",
            `${path} is there by now, though it was not before, and is not replaced; what was written is ${temporary}`,
          );
      }).catch(async (error: unknown) => {
        await discard();
        throw error;
      }),
    discard,
  };
}

/** @returns false, and nothing is done, when there is something under the new name: a link is not made over it, as a rename would be */
async function renameToNew(temporary: string, target: string): Promise<boolean> {
  try {
    await link(temporary, target);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    // Not every disk has links; a moment is little beside all the work.
    if ((await lstat(target).catch(() => undefined)) !== undefined) return false;
    await rename(temporary, target);
    return true;
  }
  await unlink(temporary).catch(() => {});
  return true;
}

/** Links are followed; devices, pipes and folders are not replaced. */
async function findTarget(path: string): Promise<{ readonly target: string; readonly rights?: number }> {
  const found = await stat(path).catch(() => undefined);
  if (found === undefined) return { target: path };
  if (!found.isFile())
    throw Object.assign(new Error("it is not a file"), { code: found.isDirectory() ? "EISDIR" : undefined });
  const target = await realpath(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return path; // somebody else removed it meanwhile
    throw error;
  });
  return { target, rights: found.mode & 0o777 };
}
