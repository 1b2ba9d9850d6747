import { randomBytes } from "node:crypto";
import { unlinkSync } from "node:fs";
import { open, realpath, rename, stat, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { SkeinError } from "../../errors.ts";
import type { AtomicFile } from "../platform.ts";

/** Files that are being written: a process that is ended in the middle takes them away. */
const unfinished = new Set<string>();
let isWatched = false;

/**
 * Writes beside the final path under another name, and renames when all of it is on the disk. What stands there before keeps its access rights; a new
 * file is its owner's alone, since it may hold a document.
 *
 * @param mode - other access rights of a new file, less what the user's mask takes away
 * @throws SkeinError (code `write_failed`) with the path and the reason
 */
export async function createAtomicFile(path: string, mode = 0o600): Promise<AtomicFile> {
  const { target, rights = mode } = await explainWriteError(path, () => findTarget(path));
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}.tmp`);
  const file = await explainWriteError(path, () => open(temporary, "wx", rights));
  keepTrack(temporary);
  const discard = async (): Promise<void> => {
    await file.close().catch(() => {});
    await unlink(temporary).catch(() => {});
    unfinished.delete(temporary);
  };
  return {
    write: (bytes) =>
      explainWriteError(path, async () => {
        for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done)).bytesWritten;
      }),
    commit: () =>
      explainWriteError(path, async () => {
        await file.sync();
        await file.close();
        await rename(temporary, target);
        unfinished.delete(temporary);
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

function keepTrack(temporary: string): void {
  unfinished.add(temporary);
  if (isWatched) return;
  isWatched = true;
  process.on("exit", () => {
    for (const path of unfinished) {
      try {
        unlinkSync(path);
      } catch {
        // It is gone already, or will never go.
      }
    }
  });
}

const fullDisk: ReadonlyMap<string, string> = new Map([
  ["ENOSPC", "the disk is full: ENOSPC"],
  ["EDQUOT", "the user's share of the disk is used up: EDQUOT"],
  ["EFBIG", "the file is larger than this disk, or the user's limit, allows: EFBIG"],
]);

/**
 * What goes wrong with a file or folder that is written, with its path and the reason.
 *
 * @throws SkeinError (code `write_failed`), or the work's own
 */
export async function explainWriteError<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SkeinError) throw error;
    const { code = "", message } = error as NodeJS.ErrnoException;
    const reason = fullDisk.get(code) ?? (code || message);
    throw new SkeinError("write_failed", `${path}: cannot be written (${reason})`, { cause: error });
  }
}
