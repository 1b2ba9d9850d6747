import { createHash, type Hash } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { HubError } from "../errors.ts";
import type { HubFile } from "../repository.ts";

/** Read at once from what is on the disk already. */
const pieceBytes = 2 ** 20;

/** The hash by which the Hub knows a file's content: SHA-256, or that of Git's object, which begins with the size. */
export function startHash({ hash, size }: HubFile): Hash {
  return hash === "sha256" ? createHash("sha256") : createHash("sha1").update(`blob ${size}\0`);
}

/** Hashes the first bytes of a file. @throws HubError when there are fewer; the signal's reason */
export async function hashBeginning(
  file: HubFile,
  handle: FileHandle,
  length: number,
  onBytes: (position: number) => void,
  signal: AbortSignal | undefined,
): Promise<Hash> {
  const hash = startHash(file);
  const piece = new Uint8Array(Math.min(length, pieceBytes));
  for (let position = 0; position < length; ) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(piece, 0, Math.min(piece.length, length - position), position);
    if (bytesRead === 0)
      throw new HubError(
        "damaged_download",
        `${file.name}: what is there of it became shorter while it was read; try again`,
      );
    hash.update(piece.subarray(0, bytesRead));
    position += bytesRead;
    onBytes(position);
  }
  return hash;
}
