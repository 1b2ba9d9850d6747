import { CheckpointError, quoteName } from "./errors.ts";
import { explainForeignFile, TELLING_BYTES } from "./foreign-file.ts";
import type { FileIdentity } from "./identity.ts";
import type { TensorIndex } from "./tensors.ts";

/**
 * Where a checkpoint's files come from: a folder, a web address, blobs in memory. Names are relative to the checkpoint's
 * folder, with `/` between parts.
 */
export interface CheckpointFiles {
  /** For messages: the path or address. */
  readonly label: string;
  /** The file's size in bytes, or `undefined` when there is no such file. */
  size(name: string): Promise<number | undefined>;
  /**
   * The bytes from `start` up to, but not including, `end`, in an array of their own.
   *
   * @throws CheckpointError when the file is not there, the range is not inside it, or it cannot be read in full.
   */
  read(name: string, start: number, end: number): Promise<Uint8Array<ArrayBuffer>>;
  /** All names, where the source can list them; a web address cannot. */
  list?(): Promise<readonly string[]>;
  /** The tensors, where they are not in safetensors files: those of a GGUF file. */
  readonly tensors?: TensorIndex;
  /** The folder's path with all links resolved, where the source is a folder on disk. */
  readonly realPath?: string;
  /**
   * The file as it is now; only a folder on disk can say.
   *
   * @throws CheckpointError when the file is not there, or cannot be read.
   */
  identify?(name: string): Promise<FileIdentity>;
  /** Frees what is held open. Later reads are errors; closing again is not. */
  close(): Promise<void>;
}

const MEBIBYTE = 2 ** 20;

/** The largest file that is read as text: no configuration or tokenizer comes near it. */
export const TEXT_LIMIT: number = 64 * MEBIBYTE;

/**
 * A whole file as text, or `undefined` when there is no such file.
 *
 * @param options.limit - the largest size in bytes; 64 MiB when not given
 * @throws CheckpointError when the file is larger, or is not UTF-8.
 */
export async function readText(
  files: CheckpointFiles,
  name: string,
  options: { readonly limit?: number } = {},
): Promise<string | undefined> {
  const size = await files.size(name);
  if (size === undefined) return undefined;
  const limit = options.limit ?? TEXT_LIMIT;
  if (size > limit) {
    throw new CheckpointError(
      "invalid_checkpoint",
      `${name} in ${files.label} has ${size} bytes, more than the ${limit} that such a file may have`,
    );
  }
  return decodeText(await files.read(name, 0, size), `${name} in ${files.label}`);
}

/**
 * A whole JSON file as a value, or `undefined` when there is no such file.
 *
 * @throws CheckpointError when the file is too large (see {@link readText}) or is not JSON.
 */
export async function readJson(files: CheckpointFiles, name: string): Promise<unknown> {
  const text = await readText(files, name);
  return text === undefined ? undefined : parseJson(text, `${name} in ${files.label}`);
}

/**
 * The bytes of a file from `start` to `end`, one piece after the other.
 *
 * @param pieceBytes - how many are read at a time
 */
export async function* readPieces(
  files: CheckpointFiles,
  name: string,
  { start, end, pieceBytes }: { readonly start: number; readonly end: number; readonly pieceBytes: number },
): AsyncGenerator<Uint8Array<ArrayBuffer>, void, void> {
  for (let at = start; at < end; at += pieceBytes) yield await files.read(name, at, Math.min(end, at + pieceBytes));
}

/**
 * UTF-8 to text; a byte order mark is dropped.
 *
 * @param where - what the bytes are, for the message
 * @throws CheckpointError when the bytes are not UTF-8.
 */
export function decodeText(bytes: Uint8Array, where: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CheckpointError("invalid_checkpoint", `${where} is not UTF-8 text`, { cause });
  }
}

/**
 * @param where - what the text is, for the message
 * @throws CheckpointError when the text is not JSON.
 */
export function parseJson(text: string, where: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const foreign = explainForeignFile(new TextEncoder().encode(text.slice(0, TELLING_BYTES)), where);
    if (foreign) throw foreign;
    // The engine's message may quote the text, which can be anything: one line and a bounded piece of it are enough.
    const reason = cause instanceof Error ? cause.message.replace(/\s+/g, " ").slice(0, 120) : "";
    throw new CheckpointError("invalid_checkpoint", `${where} is not valid JSON: ${reason}`, { cause });
  }
}

/**
 * Names come from untrusted files (a shard index) too: one that would leave the checkpoint's folder, or means something
 * else on another system, is refused.
 *
 * @throws CheckpointError when the name is empty, absolute, has an empty, `.` or `..` part, a backslash, a colon or a
 * control character.
 */
export function checkFileName(name: string, label: string): void {
  const parts = name.split("/");
  const safe =
    name.length <= 1024 &&
    !/[\\:\p{Cc}]/u.test(name) &&
    parts.every((part) => part !== "" && part !== "." && part !== "..");
  if (!safe) {
    throw new CheckpointError(
      "invalid_checkpoint",
      `${label}: ${quoteName(name)} is not a file name inside the checkpoint's folder`,
    );
  }
}

/**
 * @throws CheckpointError when `start` to `end` is not a range inside a file of `size` bytes; nothing is allocated for
 * such a range.
 */
export function checkRange(where: string, size: number, start: number, end: number): void {
  const inside = Number.isSafeInteger(start) && Number.isSafeInteger(end) && start >= 0 && start <= end && end <= size;
  if (!inside) {
    throw new CheckpointError(
      "invalid_checkpoint",
      `${where}: bytes ${start} to ${end} were asked for, but the file has ${size}`,
    );
  }
}

/** What an absent file may also be: of a web address, which cannot list its files, one that is not given to everybody. */
export function orRefused(files: CheckpointFiles): string {
  return files.list ? "" : " (or the server refuses it)";
}

/** The error for a read of a file that does not exist. */
export function missingFile(name: string, label: string): CheckpointError {
  return new CheckpointError("not_found", `${quoteName(name)} is not in ${label}`);
}

/** The error for a read after `close()`. */
export function closedFiles(label: string): CheckpointError {
  return new CheckpointError("closed", `${label} was closed; open the model again to read from it`);
}
