import { SkeinError } from "../../errors.ts";

const reasons: ReadonlyMap<string, string> = new Map([
  ["ENOENT", "there is no such folder"],
  ["ENOTDIR", "a file is where a folder has to be"],
  ["EISDIR", "it is a folder"],
  ["EACCES", "permission denied: EACCES"],
  ["EROFS", "the disk is read-only: EROFS"],
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
    const reason = reasons.get(code) ?? (code || message);
    throw new SkeinError("write_failed", `${path}: cannot be written (${reason})`, { cause: error });
  }
}
