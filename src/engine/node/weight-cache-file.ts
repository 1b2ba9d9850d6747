import { createHash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { isRecord } from "../../checkpoint/json-record.ts";
import { SkeinError } from "../../errors.ts";
import type { CachedWeights, WeightCacheKey } from "../weight-cache.ts";

// A file of the cache:
//
//   weights       as they were written; they come first, so that they lie on the disk's pages as they do in memory
//   description   JSON in UTF-8: { key, header }
//   trailer       64 bytes, numbers little-endian:
//                   0  bytes of weights        u64
//                   8  bytes of description    u64
//                  16  version of this layout  u32
//                  20  zero                    u32
//                  24  SHA-256 over the 24 bytes before it and the description
//                  56  the letters "SKEINWTS"
//
// Checked when it is opened: letters, version, that the lengths are those of the file, the SHA-256, and the key. So a file that was cut off,
// overwritten by something else or made of another model's weights is noticed. A checksum of the weights themselves is not kept: over 4 GB it would
// take as long as reading them, and what it could find is a disk that returns other bytes than it was given, which checkpoints are not guarded
// against either. A file whose writing was cut short never has its name: it is renamed to it after fsync.

const version = 1;
const trailerBytes = 64;
const hashedBytes = 24;
const letters: Buffer = Buffer.from("SKEINWTS");

/** A description is a table of some hundred tensors; bytes. */
const longestDescription = 2 ** 26;

/** Pieces of a read that are under way at one time: as many as Node has threads for files. */
const lanes = 4;

/** Bytes of such a piece: large enough that calls cost nothing, small enough that the threads end together. */
const pieceBytes = 2 ** 23;

/** An entry of the cache, open. */
export interface OpenEntry extends CachedWeights {
  readonly key: WeightCacheKey;
}

/**
 * @returns the file's last part
 * @throws SkeinError when the header is too large
 */
export function encodeEnd(key: WeightCacheKey, header: object, weightBytes: number): Uint8Array {
  const description = Buffer.from(JSON.stringify({ key: normalize(key), header }));
  if (description.length > longestDescription) {
    throw new SkeinError("write_failed", `a header of ${description.length} bytes is more than ${longestDescription}`);
  }
  const trailer = Buffer.alloc(trailerBytes);
  trailer.writeBigUInt64LE(BigInt(weightBytes), 0);
  trailer.writeBigUInt64LE(BigInt(description.length), 8);
  trailer.writeUInt32LE(version, 16);
  digest(trailer, description).copy(trailer, hashedBytes);
  letters.copy(trailer, trailerBytes - letters.length);
  return Buffer.concat([description, trailer]);
}

/** @returns undefined when there is no such file, it may not be read, or it is not a whole entry of this version */
export async function openEntry(path: string): Promise<OpenEntry | undefined> {
  let file: FileHandle | undefined;
  try {
    // Neither through a link nor waiting for a pipe's other end: only a file of ours has this name.
    file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0) | (constants.O_NOFOLLOW ?? 0));
    const end = await readEnd(file);
    if (end !== undefined) return toEntry(path, file, end);
  } catch {
    // As if it were not there.
  }
  await file?.close().catch(() => {});
  return undefined;
}

export function isSameKey(a: WeightCacheKey, b: WeightCacheKey): boolean {
  return JSON.stringify(normalize(a)) === JSON.stringify(normalize(b));
}

interface End {
  readonly key: WeightCacheKey;
  readonly header: unknown;
  readonly byteLength: number;
}

async function readEnd(file: FileHandle): Promise<End | undefined> {
  const status = await file.stat();
  if (!status.isFile() || status.size < trailerBytes) return undefined;
  const trailer = Buffer.alloc(trailerBytes);
  await readFully(file, trailer, status.size - trailerBytes);
  if (!trailer.subarray(trailerBytes - letters.length).equals(letters)) return undefined;
  if (trailer.readUInt32LE(16) !== version) return undefined;
  // Of any 64-bit numbers: those beyond 2^53 are rounded, and are no lengths of this file either way.
  const byteLength = Number(trailer.readBigUInt64LE(0));
  const descriptionBytes = Number(trailer.readBigUInt64LE(8));
  if (descriptionBytes > longestDescription) return undefined;
  if (byteLength + descriptionBytes + trailerBytes !== status.size) return undefined;
  const description = Buffer.alloc(descriptionBytes);
  await readFully(file, description, byteLength);
  const stored = trailer.subarray(hashedBytes, trailerBytes - letters.length);
  if (!digest(trailer, description).equals(stored)) return undefined;
  const parsed: unknown = JSON.parse(description.toString("utf8"));
  if (!isRecord(parsed) || !isKey(parsed.key)) return undefined;
  return { key: parsed.key, header: parsed.header, byteLength };
}

function toEntry(path: string, file: FileHandle, { key, header, byteLength }: End): OpenEntry {
  return {
    key,
    header,
    byteLength,
    read: async (offset, target) => {
      const isInside = Number.isSafeInteger(offset) && offset >= 0 && offset + target.length <= byteLength;
      if (!isInside) {
        throw new SkeinError(
          "read_failed",
          `${path}: ${target.length} bytes from ${offset} were asked for; it has ${byteLength}`,
        );
      }
      await readPieces(path, file, target, offset);
    },
    close: () => file.close().catch(() => {}),
  };
}

/** Reads with several threads. Ends when all of them have, also when one fails: none may write into memory that is used for something else. */
async function readPieces(path: string, file: FileHandle, target: Uint8Array, offset: number): Promise<void> {
  let next = 0;
  let failure: { readonly cause: unknown } | undefined;
  const lane = async (): Promise<void> => {
    while (next < target.length && failure === undefined) {
      const start = next;
      next = Math.min(target.length, start + pieceBytes);
      try {
        await readFully(file, target.subarray(start, next), offset + start);
      } catch (cause) {
        failure ??= { cause };
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, lane));
  if (failure === undefined) return;
  const { cause } = failure;
  const reason = cause instanceof Error ? cause.message : String(cause);
  throw new SkeinError("read_failed", `${path} could not be read: ${reason}`, { cause });
}

async function readFully(file: FileHandle, target: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < target.length; ) {
    const { bytesRead } = await file.read(target, done, target.length - done, position + done);
    if (bytesRead === 0) throw new Error(`it ends at byte ${position + done}`);
    done += bytesRead;
  }
}

function digest(trailer: Buffer, description: Buffer): Buffer {
  return createHash("sha256").update(trailer.subarray(0, hashedBytes)).update(description).digest();
}

/** The fields in one order, and nothing else: keys are compared as text. */
function normalize({ source, format, files }: WeightCacheKey): WeightCacheKey {
  const sorted = files
    .map(({ name, size, modified, headerHash }) => ({ name, size, modified, headerHash }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  return { source, format, files: sorted };
}

function isKey(value: unknown): value is WeightCacheKey {
  if (!isRecord(value)) return false;
  const { source, format, files } = value;
  return typeof source === "string" && typeof format === "string" && Array.isArray(files) && files.every(isIdentity);
}

function isIdentity(value: unknown): boolean {
  return (
    isRecord(value) &&
    typeof value.name === "string" &&
    typeof value.size === "number" &&
    typeof value.modified === "number" &&
    typeof value.headerHash === "string"
  );
}
