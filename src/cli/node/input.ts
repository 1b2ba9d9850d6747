import type { Stats } from "node:fs";
import { access, constants, stat } from "node:fs/promises";
import { dirname, sep } from "node:path";
import { openToRead } from "../../evaluation/node/open-to-read.ts";
import { UsageError } from "../errors.ts";
import { interruption } from "./interruption.ts";

/** More text than any window takes; a file above it was not meant. */
const mostBytes = 64 * 2 ** 20;

/**
 * @param option - that names the file
 * @throws UsageError when the file cannot be read as text
 */
export async function readTextFile(path: string, option = "--file"): Promise<string> {
  try {
    return decode(await collect(await openToRead(path, interruption.signal)), `${option} ${path}`);
  } catch (error) {
    interruption.signal.throwIfAborted();
    if (error instanceof UsageError) throw error;
    throw new UsageError(`${option} ${path}: ${describeReason(error as NodeJS.ErrnoException)}`);
  }
}

/**
 * @returns what is piped in; undefined when a person sits at the terminal
 * @throws UsageError when it is no text, or more than any window takes
 */
export async function readPipedText(): Promise<string | undefined> {
  if (process.stdin.isTTY === true) return undefined;
  interruption.signal.addEventListener("abort", () => process.stdin.destroy(), { once: true });
  try {
    return decode(await collect(process.stdin), "standard input");
  } finally {
    interruption.signal.throwIfAborted();
  }
}

/** Reads no further than {@link decode} would take. */
async function collect(stream: AsyncIterable<unknown>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > mostBytes) break;
  }
  return Buffer.concat(chunks);
}

/**
 * Says at once, and as {@link readTextFile} does, what would otherwise be said after all the work.
 * @param option - that names the file
 * @param options.mayBePipe - whether it is read from its beginning to its end, once: a pipe or a device will do
 * @throws UsageError when nothing can be read at this path
 */
export async function checkReadable(
  option: string,
  path: string,
  { mayBePipe }: { readonly mayBePipe: boolean },
): Promise<void> {
  const refuse = (reason: string): never => {
    throw new UsageError(`${option} ${path}: ${reason}`);
  };
  if (path === "") throw new UsageError(`${option} needs the name of a file`);
  const find = (): Promise<Stats> => access(path, constants.R_OK).then(() => stat(path));
  const found = await find().catch((error: NodeJS.ErrnoException) => refuse(describeReason(error)));
  if (found.isDirectory()) refuse("is a folder");
  if (!found.isFile() && !mayBePipe) refuse("is not a file");
}

/**
 * Says at once what would otherwise be said after all the work.
 * @throws UsageError when nothing can be written at this path
 */
export async function checkWritable(option: string, path: string): Promise<void> {
  const refuse = (reason: string): never => {
    throw new UsageError(`${option} ${path}: ${reason}`);
  };
  if (path === "") throw new UsageError(`${option} needs the name of a file`);
  const found = await stat(path).catch(() => undefined);
  if (found?.isDirectory() || path.endsWith("/") || path.endsWith(sep)) refuse("is a folder");
  if (found && !found.isFile()) refuse("is not a file");
  const folder = dirname(path);
  await access(folder, constants.W_OK | constants.X_OK).catch((error: NodeJS.ErrnoException) =>
    refuse(error.code === "ENOENT" ? `there is no folder ${folder}` : describeReason(error)),
  );
  if (!(await stat(folder)).isDirectory()) refuse("is not in a folder");
}

function describeReason({ code, message }: NodeJS.ErrnoException): string {
  const reasons: Record<string, string> = {
    ENOENT: "there is no such file or folder",
    EISDIR: "is a folder",
    ENOTDIR: "is not in a folder",
    EACCES: "permission denied",
  };
  return reasons[code ?? ""] ?? code ?? message;
}

function decode(bytes: Uint8Array, where: string): string {
  if (bytes.length > mostBytes)
    throw new UsageError(`${where}: ${bytes.length} bytes or more are more than any window takes`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError(`${where}: is not UTF-8 text`);
  }
}
