import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import { type FileHandle, mkdir, open, readdir, rename, rm, rmdir } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { InvalidOptionError } from "../../errors.ts";
import type { AtomicFolder } from "../platform.ts";
import { explainWriteError } from "./atomic-file.ts";

/** Folders that are being written: a process that is ended in the middle takes them away. */
const unfinished = new Set<string>();
let isWatched = false;

/**
 * Writes beside the final path under another name, and renames when all of it is on the disk.
 *
 * @param path - of a folder that there is not, or that is empty
 * @throws InvalidOptionError when something is there; SkeinError (code `write_failed`) with the path and the reason
 */
export async function createAtomicFolder(path: string): Promise<AtomicFolder> {
  const target = resolve(path);
  await explainWriteError(path, () => refuseOccupied(path));
  const temporary = join(dirname(target), `.${basename(target)}.${randomBytes(6).toString("hex")}.tmp`);
  await explainWriteError(path, () => mkdir(temporary));
  keepTrack(temporary);
  const opened = new Set<FileHandle>();
  const discard = async (): Promise<void> => {
    for (const file of opened) await file.close().catch(() => {});
    await rm(temporary, { recursive: true, force: true });
    unfinished.delete(temporary);
  };
  return {
    createFile: (name) =>
      explainWriteError(join(path, name), async () => {
        const place = join(temporary, name);
        if (dirname(name) !== ".") await mkdir(dirname(place), { recursive: true });
        const file = await open(place, "wx");
        opened.add(file);
        return {
          write: (bytes) =>
            explainWriteError(join(path, name), async () => {
              for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done)).bytesWritten;
            }),
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
        unfinished.delete(temporary);
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

function keepTrack(temporary: string): void {
  unfinished.add(temporary);
  if (isWatched) return;
  isWatched = true;
  process.on("exit", () => {
    for (const path of unfinished) rmSync(path, { recursive: true, force: true });
  });
}
