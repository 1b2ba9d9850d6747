import { randomBytes } from "node:crypto";
import { open, rename, unlink } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { SkeinError } from "../../errors.ts";
import type { AtomicFile } from "../platform.ts";

/**
 * Writes beside the final path under another name, and renames when all of it is on the disk.
 *
 * @throws SkeinError (code `write_failed`) with the path and the reason
 */
export async function createAtomicFile(path: string): Promise<AtomicFile> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
  const file = await explain(path, () => open(temporary, "wx"));
  const discard = async (): Promise<void> => {
    await file.close().catch(() => {});
    await unlink(temporary).catch(() => {});
  };
  return {
    write: (bytes) =>
      explain(path, async () => {
        for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done)).bytesWritten;
      }),
    commit: () =>
      explain(path, async () => {
        await file.sync();
        await file.close();
        await rename(temporary, path);
      }).catch(async (error: unknown) => {
        await discard();
        throw error;
      }),
    discard,
  };
}

async function explain<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    throw new SkeinError("write_failed", `${path}: cannot be written (${code ?? message})`, { cause: error });
  }
}
