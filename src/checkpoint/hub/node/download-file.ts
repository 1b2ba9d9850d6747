import type { Hash } from "node:crypto";
import { constants } from "node:fs";
import { type FileHandle, open, rename } from "node:fs/promises";
import { dirname, join } from "node:path";
import { quoteName } from "../../errors.ts";
import { makeFolder } from "../../node/make-folder.ts";
import { HubError } from "../errors.ts";
import type { HubFile, HubRepository } from "../repository.ts";
import { type RepositoryFolder, sizeOf } from "./cache-layout.ts";
import { hashBeginning, startHash } from "./content-hash.ts";
import { isLocked, takeLock } from "./lock.ts";
import { subjectOf } from "./read-repository.ts";
import { type HubAnswer, pause, request } from "./request.ts";
import type { HubSettings } from "./settings.ts";

/** What all files of one download have in common. */
export interface Download {
  readonly settings: HubSettings;
  readonly repository: HubRepository;
  readonly folder: RepositoryFolder;
  readonly signal: AbortSignal | undefined;
}

/** How often a download may break off without having come further than before. */
const mostFailures = 5;

/**
 * Brings a file into the cache. What an earlier attempt left is gone on from; the blob appears under its name when all of it is there and its hash is
 * right. Another process that downloads the same file is waited for.
 *
 * @param onBytes - told how many bytes of the file are on the disk
 * @throws HubError, Error of the file system; the signal's reason
 */
export async function downloadFile(
  download: Download,
  file: HubFile,
  onBytes: (position: number) => void,
): Promise<void> {
  const { folder, signal } = download;
  const { commit } = download.repository;
  const blob = folder.blob(file.etag);
  const hasBlob = async (): Promise<boolean> => (await sizeOf(blob)) === file.size;
  const isDone = async (): Promise<boolean> => {
    onBytes(Math.min(file.size, (await sizeOf(partPath(folder, file))) ?? 0));
    return (await folder.has(commit, file)) || (await hasBlob());
  };
  await makeFolder(dirname(blob));
  const lock = await takeLock(lockPath(folder, file), isDone, signal);
  try {
    if (!(await folder.has(commit, file))) {
      if (!(await hasBlob())) await downloadBlob(download, file, blob, onBytes);
      await folder.link(commit, file);
    }
    onBytes(file.size);
  } finally {
    await lock?.release();
  }
}

/** Where a file is collected. Python's own unfinished files have other names: it appends to them, or throws them away. */
export function partPath(folder: RepositoryFolder, { etag }: HubFile): string {
  return `${folder.blob(etag)}.skein.incomplete`;
}

/** @returns whether a process is downloading the file */
export function isBeingDownloaded(folder: RepositoryFolder, etag: string): Promise<boolean> {
  return isLocked(lockPath(folder, { etag }));
}

/** Beside Python's locks. Those are locks of the system, which Node cannot take, on files that stay. */
function lockPath({ locks }: RepositoryFolder, { etag }: Pick<HubFile, "etag">): string {
  return join(locks, `${etag}.skein.lock`);
}

async function downloadBlob(
  download: Download,
  file: HubFile,
  blob: string,
  onBytes: (position: number) => void,
): Promise<void> {
  const part = partPath(download.folder, file);
  const handle = await open(part, constants.O_RDWR | constants.O_CREAT, 0o666);
  try {
    if (!(await complete(download, file, handle, onBytes))) {
      // What was there before may have been damaged: once more from the beginning.
      await handle.truncate(0);
      if (!(await complete(download, file, handle, onBytes))) {
        await handle.truncate(0);
        throw damaged(download, file, `its ${file.hash} is not ${file.etag}`);
      }
    }
    await handle.datasync();
  } finally {
    await handle.close();
  }
  await rename(part, blob).catch(async (error: unknown) => {
    // Who was thought dead and was only asleep may have been quicker.
    if ((await sizeOf(blob)) !== file.size) throw error;
  });
}

/** Downloads what is missing. @returns whether the hash of all of it is right */
async function complete(
  download: Download,
  file: HubFile,
  handle: FileHandle,
  onBytes: (position: number) => void,
): Promise<boolean> {
  const { signal } = download;
  const { size: found } = await handle.stat();
  let position = found > file.size ? 0 : found;
  if (position !== found) await handle.truncate(position);
  let hash: Hash = await hashBeginning(file, handle, position, onBytes, signal);
  let furthest = position;
  for (let failures = 0; position < file.size; ) {
    const answer = await requestFrom(download, file, position);
    if (answer === undefined || (position > 0 && answer.response.status !== 206)) {
      // The server does not go on where we are, so that what it sends is all of the file.
      position = 0;
      hash = startHash(file);
      await handle.truncate(0);
      onBytes(0);
      failures++;
      if (failures >= mostFailures) {
        await answer?.discard();
        throw damaged(download, file, "the server does not go on where it broke off");
      }
      if (answer === undefined) continue;
    }
    try {
      for await (const piece of answer.pieces()) {
        if (position + piece.length > file.size) throw damaged(download, file, `it is longer than ${file.size} bytes`);
        await writeAll(handle, piece, position);
        hash.update(piece);
        position += piece.length;
        onBytes(position);
      }
      if (position < file.size) throw brokenOff(download, file, position);
    } catch (error) {
      if (!(error instanceof HubError && error.code === "network")) throw error;
      failures = position > furthest ? 1 : failures + 1;
      furthest = Math.max(furthest, position);
      if (failures >= mostFailures) throw error;
      await pause(100 * 2 ** failures, signal);
    }
  }
  return hash.digest("hex") === file.etag;
}

/** @returns undefined when the server has nothing from there on */
async function requestFrom(
  { settings, repository, signal }: Download,
  file: HubFile,
  position: number,
): Promise<HubAnswer | undefined> {
  const answer = await request(settings, {
    url: fileUrl(settings, repository, file),
    headers: position === 0 ? {} : { range: `bytes=${position}-` },
    subject: subjectOf(settings, repository, file.name),
    kind: "download",
    signal,
  });
  const refuse = async (what: string): Promise<never> => {
    await answer.discard();
    throw damaged({ settings, repository }, file, what);
  };
  const { etag, size, commit } = answer.linked;
  // Only what looks like a hash of the Hub's says something; a mirror may have marks of its own.
  if (
    etag !== undefined &&
    /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/.test(etag) &&
    etag.length === file.etag.length &&
    etag !== file.etag
  )
    return refuse(`the server has another version of it now (${etag})`);
  if (size !== undefined && size !== file.size) return refuse(`the server has ${size} bytes of it now`);
  if (commit !== undefined && commit !== repository.commit)
    return refuse(`the server sends it from commit ${quoteName(commit)}`);
  if (answer.response.status === 416) {
    await answer.discard();
    if (position === 0) throw damaged({ settings, repository }, file, "the server has nothing of it");
    return undefined;
  }
  const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(answer.response.headers.get("content-range") ?? "");
  if (answer.response.status === 206 && (range === null || Number(range[1]) !== position))
    return refuse(`the server sends another part than was asked for (${range?.[0] ?? "no Content-Range"})`);
  const { headers, status } = answer.response;
  const length = headers.has("content-encoding") ? null : headers.get("content-length");
  if (status === 200 && length !== null && Number(length) !== file.size)
    return refuse(`the server has ${quoteName(length)} bytes of it now`);
  if (range !== null && range[2] !== "*" && Number(range[2]) !== file.size)
    return refuse(`the server has ${range[2]} bytes of it now`);
  return answer;
}

/** The address of a file at its commit. */
export function fileUrl({ endpoint }: HubSettings, { repository, commit }: HubRepository, { name }: HubFile): string {
  return `${endpoint}/${repository}/resolve/${commit}/${name.split("/").map(encodeURIComponent).join("/")}`;
}

async function writeAll(handle: FileHandle, piece: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < piece.length; ) {
    done += (await handle.write(piece, done, piece.length - done, position + done)).bytesWritten;
  }
}

function damaged(
  { settings, repository }: Pick<Download, "settings" | "repository">,
  file: HubFile,
  what: string,
): HubError {
  const { label, host } = subjectOf(settings, repository, file.name);
  return new HubError(
    "damaged_download",
    `${label}: what ${host} sent is not what it lists: ${what}; try again, or name another mirror in HF_ENDPOINT`,
  );
}

function brokenOff({ settings, repository }: Download, file: HubFile, position: number): HubError {
  const { label, host } = subjectOf(settings, repository, file.name);
  return new HubError(
    "network",
    `${label}: ${host} broke off after ${position} of ${file.size} bytes; run it again to go on from there`,
  );
}
