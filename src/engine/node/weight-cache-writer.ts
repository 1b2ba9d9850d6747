import { SkeinError } from "../../errors.ts";
import type { AtomicFile } from "../platform.ts";
import type { WeightCacheKey, WeightCacheWriter } from "../weight-cache.ts";
import { createAtomicFile } from "./atomic-file.ts";
import { encodeEnd } from "./weight-cache-file.ts";

/** Bytes of one call: Node writes less than 2 GiB at a time, and calls of this size cost nothing. */
const pieceBytes = 2 ** 26;

/**
 * @param path - of the entry
 * @param options.limit - bytes that it may have
 * @param options.onCommit - when it is in its place
 * @returns undefined when no file can be made there
 */
export async function createEntryWriter(
  path: string,
  key: WeightCacheKey,
  { limit, onCommit }: { readonly limit: number; readonly onCommit: () => Promise<void> },
): Promise<WeightCacheWriter | undefined> {
  /** Undefined once it is at its place or given up. */
  let file: AtomicFile | undefined = await createAtomicFile(path).catch(() => undefined);
  if (file === undefined) return undefined;
  let written = 0;
  let last: Promise<void> = Promise.resolve();

  async function giveUp(): Promise<void> {
    const given = file;
    file = undefined;
    await given?.discard();
  }

  /** One after the other. A failure of the disk is the end of the entry, not of the load. */
  function inTurn(work: (file: AtomicFile) => Promise<void>): Promise<void> {
    const done = last.then(async () => {
      try {
        if (file !== undefined) await work(file);
      } catch (error) {
        await giveUp();
        if (!(error instanceof SkeinError && error.code === "write_failed")) throw error;
      }
    });
    last = done.catch(() => {});
    return done;
  }

  async function append(open: AtomicFile, bytes: Uint8Array): Promise<void> {
    if (written + bytes.length > limit) return giveUp();
    for (let done = 0; done < bytes.length; done += pieceBytes) {
      await open.write(bytes.subarray(done, done + pieceBytes));
    }
    written += bytes.length;
  }

  return {
    write: (bytes) => inTurn((open) => append(open, bytes)),
    commit: (header) =>
      inTurn(async (open) => {
        await open.write(encodeEnd(key, header, written));
        await open.commit();
        file = undefined;
        await onCommit();
      }),
    discard: () => inTurn(giveUp),
  };
}
