import { open, realpath, rename, stat, unlink } from "node:fs/promises";
import type { AtomicFile } from "../platform.ts";
import { forget, keepTrack, temporaryBeside, writeFully } from "./unfinished.ts";
import { explainWriteError } from "./write-error.ts";

/**
 * Writes beside the final path under another name, and renames when all of it is on the disk. What stands there before keeps its access rights; a new
 * file is its owner's alone, since it may hold a document.
 *
 * @param mode - other access rights of a new file, less what the user's mask takes away
 * @throws SkeinError (code `write_failed`) with the path and the reason
 */
export async function createAtomicFile(path: string, mode = 0o600): Promise<AtomicFile> {
  const { target, rights = mode } = await explainWriteError(path, () => findTarget(path));
  const temporary = temporaryBeside(target);
  const file = await explainWriteError(path, () => open(temporary, "wx", rights));
  keepTrack(temporary);
  const discard = async (): Promise<void> => {
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
        await rename(temporary, target);
        forget(temporary);
      }).catch(async (error: unknown) => {
        await discard();
        throw error;
      }),
    discard,
  };
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
