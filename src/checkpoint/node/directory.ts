import { createHash } from "node:crypto";
import { constants, type Stats } from "node:fs";
import { type FileHandle, open, readdir, readlink, realpath, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, resolve, sep } from "node:path";
import { InvalidOptionError } from "../../errors.ts";
import { CheckpointError } from "../errors.ts";
import { type CheckpointFiles, checkFileName, checkRange, closedFiles, missingFile } from "../files.ts";
import { explainGivenFile, TELLING_BYTES } from "../foreign-file.ts";
import type { FileIdentity } from "../identity.ts";

/** The most that one system call reads: Linux ends a read a page short of 2 GiB. */
const READ_BYTES: number = 2 ** 30;

/** How much of a file's beginning identifies it, in bytes. */
const IDENTIFYING_BYTES: number = 2 ** 20;

/** Where contents lie in what the repositories of a Hub's cache share. */
const sharedBlob = /^([0-9a-f]{2})[\\/]\1[0-9a-f]{62}$/;

/** What a folder is taken for. */
export type DirectoryContent = "model" | "adapter";

/** What is to be given, after "give the folder". */
const advice: Readonly<Record<DirectoryContent, { readonly missing: string; readonly file: string }>> = {
  model: {
    missing: "of a checkpoint, or a GGUF file",
    file: "that holds config.json and the weights (model.safetensors), or a GGUF file (.gguf)",
  },
  adapter: {
    missing: "of an adapter, with adapter_config.json and adapter_model.safetensors",
    file: "that holds adapter_config.json and adapter_model.safetensors",
  },
};

/**
 * A checkpoint from a folder. Files are opened when they are first read and stay open until `close()`. Links are followed
 * inside the folder, and from a snapshot of the Hub's cache to its blobs; elsewhere they are refused, because whoever made
 * the checkpoint does not decide which files of this machine are read.
 *
 * @param options.named - a file that the user named: it may be a link to anywhere
 * @param options.content - what the folder is to hold, for messages that say what to give; a model by default
 * @throws CheckpointError `not_found` when there is no such folder, `permission_denied` when it may not be read.
 * @throws InvalidOptionError when the path is a file.
 * @example
 * ```ts
 * const files = await openDirectory("models/tiny-qwen2");
 * ```
 */
export async function openDirectory(
  path: string,
  { named, content = "model" }: { readonly named?: string; readonly content?: DirectoryContent } = {},
): Promise<CheckpointFiles> {
  await checkDirectory(path, content);
  const realPath = await realpath(path).catch((error: unknown) => {
    throw readError(path, error);
  });
  const handles = new Map<string, Promise<FileHandle>>();
  let closed = false;

  async function statusOf(name: string): Promise<Stats | undefined> {
    // A name that the user gave does not come from a file.
    if (name !== named) checkFileName(name, path);
    if (closed) throw closedFiles(path);
    const file = join(path, name);
    try {
      const status = await stat(file);
      if (name !== named) await checkInside(file, await realpath(file), realPath);
      // A folder is no file; a pipe or device would block or never end.
      return status.isFile() ? status : undefined;
    } catch (error) {
      if (hasCode(error, "ENOENT", "ENOTDIR")) return undefined;
      if (error instanceof CheckpointError) throw error;
      throw readError(file, error);
    }
  }

  async function size(name: string): Promise<number | undefined> {
    return (await statusOf(name))?.size;
  }

  async function identify(name: string): Promise<FileIdentity> {
    if ((await statusOf(name)) === undefined) throw missingFile(name, path);
    // Of the file that is open, and read: its place may have got another one since.
    const { size, mtimeMs: modified } = await (await handleOf(name)).stat();
    const beginning = await read(name, 0, Math.min(size, IDENTIFYING_BYTES));
    return { name, size, modified, headerHash: createHash("sha256").update(beginning).digest("hex") };
  }

  function handleOf(name: string): Promise<FileHandle> {
    let handle = handles.get(name);
    if (handle === undefined) {
      // Not blocking: should the file have been exchanged for a pipe meanwhile, this returns at once.
      handle = open(join(path, name), constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
      handles.set(name, handle);
      handle.catch(() => handles.delete(name));
    }
    return handle;
  }

  async function read(name: string, start: number, end: number): Promise<Uint8Array<ArrayBuffer>> {
    const available = await size(name);
    if (available === undefined) throw missingFile(name, path);
    const file = join(path, name);
    checkRange(file, available, start, end);
    // Closed while its size was asked for: a file opened now would stay open.
    if (closed) throw closedFiles(path);
    const bytes = new Uint8Array(end - start);
    let filled = 0;
    try {
      const handle = await handleOf(name);
      while (filled < bytes.length) {
        const length = Math.min(READ_BYTES, bytes.length - filled);
        const { bytesRead } = await handle.read(bytes, filled, length, start + filled);
        if (bytesRead === 0) break;
        filled += bytesRead;
      }
    } catch (error) {
      if (closed) throw closedFiles(path);
      throw readError(file, error);
    }
    if (filled < bytes.length) {
      throw new CheckpointError(
        "read_failed",
        `${file} ended at byte ${start + filled} instead of ${available}; it changed while it was read`,
      );
    }
    return bytes;
  }

  async function close(): Promise<void> {
    closed = true;
    const open = [...handles.values()];
    handles.clear();
    await Promise.all(
      open.map(async (handle) => {
        // A file that could not be opened has told its reader so; there is nothing to close.
        const opened = await handle.catch(() => undefined);
        await opened?.close();
      }),
    );
  }

  return { label: path, size, read, list: () => readdir(path), realPath, identify, close };
}

/** @throws CheckpointError when a link leads out of the folder */
async function checkInside(file: string, target: string, folder: string): Promise<void> {
  if (isInside(target, folder)) return;
  // models--NAME/snapshots/REVISION/config.json -> models--NAME/blobs/HASH; GGUF files may lie in folders of the snapshot, too.
  for (let place = folder; dirname(place) !== place; place = dirname(place)) {
    if (basename(dirname(place)) !== "snapshots") continue;
    const repository = dirname(dirname(place));
    const blobs = join(repository, "blobs");
    if (isInside(target, blobs)) return;
    // The newest Python makes the blob a link itself, to what repositories share: blobs/HA/HASH of the cache.
    const isShared = sharedBlob.test(relative(join(dirname(repository), "blobs"), target));
    if (isShared && isInside(await firstTarget(file), blobs)) return;
  }
  throw new CheckpointError(
    "permission_denied",
    `${file} is a link that leads out of the folder, to ${target}, and is not followed; copy that file there, or make it a hard link`,
  );
}

/** What a link names, be it a link itself or not; of what is no link its folder. */
async function firstTarget(file: string): Promise<string> {
  return resolve(await realpath(dirname(file)), await readlink(file).catch(() => ""));
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

async function checkDirectory(path: string, content: DirectoryContent): Promise<void> {
  const { missing, file } = advice[content];
  let status: Stats;
  try {
    status = await stat(path);
    if (status.isDirectory()) await readdir(path);
  } catch (error) {
    if (hasCode(error, "ENOENT", "ENOTDIR")) {
      const what = content === "model" && /\.gguf$/i.test(path) ? "file" : `folder; give the folder ${missing}`;
      throw new CheckpointError("not_found", `${path}: there is no such ${what}`, { cause: error });
    }
    throw readError(path, error);
  }
  if (status.isDirectory()) return;
  if (!status.isFile())
    throw new InvalidOptionError(
      "source",
      `${path} is neither a folder nor an ordinary file; give the folder ${missing}`,
    );
  const explained = explainGivenFile(await firstBytes(path), path);
  if (explained) throw explained;
  throw new InvalidOptionError("source", `${path} is a file; give the folder ${file}`);
}

async function firstBytes(path: string): Promise<Uint8Array> {
  const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0)).catch((error: unknown) => {
    throw readError(path, error);
  });
  try {
    const { buffer, bytesRead } = await handle.read(new Uint8Array(TELLING_BYTES), 0, TELLING_BYTES, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await handle.close();
  }
}

/** Why a file, or a folder on the way to it, could not be read. */
export function readError(file: string, error: unknown): CheckpointError {
  if (hasCode(error, "EACCES", "EPERM")) {
    return new CheckpointError("permission_denied", `${file} may not be read; check its permissions`, { cause: error });
  }
  const reason = error instanceof Error ? error.message : String(error);
  return new CheckpointError("read_failed", `${file} could not be read: ${reason}`, { cause: error });
}

function hasCode(error: unknown, ...codes: readonly string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}
