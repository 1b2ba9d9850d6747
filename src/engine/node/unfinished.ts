import { randomBytes } from "node:crypto";
import { rmSync } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** Files and folders that are being written: a process that is ended in the middle takes them away. */
const unfinished = new Set<string>();
let isWatched = false;

/** A name beside the final path, in the same folder, so that renaming is all that remains. */
export function temporaryBeside(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}.tmp`);
}

/** @param temporary - to be taken away should the process end before {@link forget} */
export function keepTrack(temporary: string): void {
  unfinished.add(temporary);
  if (isWatched) return;
  isWatched = true;
  process.on("exit", () => {
    for (const path of unfinished) {
      try {
        rmSync(path, { recursive: true, force: true, maxRetries: 3 }); // a worker may be writing there still
      } catch {
        // It will never go.
      }
    }
  });
}

/** What is in its place, or gone. */
export function forget(temporary: string): void {
  unfinished.delete(temporary);
}

/** Writes all bytes at the file's position: one call may take a part of them only. */
export async function writeFully(file: FileHandle, bytes: Uint8Array): Promise<void> {
  for (let done = 0; done < bytes.length; ) done += (await file.write(bytes, done)).bytesWritten;
}
