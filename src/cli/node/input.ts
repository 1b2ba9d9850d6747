import { access, constants, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { UsageError } from "../errors.ts";

/** More text than any window takes; a file above it was not meant. */
const mostBytes = 64 * 2 ** 20;

/** @throws UsageError when the file cannot be read as text */
export async function readTextFile(path: string): Promise<string> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    throw new UsageError(`--file ${path}: ${describeReason(error)}`);
  });
  return decode(bytes, `--file ${path}`);
}

/**
 * @returns what is piped in; undefined when a person sits at the terminal
 * @throws UsageError when it is no text, or more than any window takes
 */
export async function readPipedText(): Promise<string | undefined> {
  if (process.stdin.isTTY === true) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    chunks.push(chunk as Buffer);
    size += (chunk as Buffer).length;
    if (size > mostBytes) break;
  }
  return decode(Buffer.concat(chunks), "standard input");
}

/**
 * Says at once what would otherwise be said after all the work.
 * @throws UsageError when nothing can be written at this path
 */
export async function checkWritable(option: string, path: string): Promise<void> {
  try {
    if (
      await stat(path).then(
        (found) => found.isDirectory(),
        () => false,
      )
    )
      throw Object.assign(new Error(), { code: "EISDIR" });
    await access(dirname(path), constants.W_OK);
    if (!(await stat(dirname(path))).isDirectory()) throw Object.assign(new Error(), { code: "ENOTDIR" });
  } catch (error) {
    throw new UsageError(`${option} ${path}: ${describeReason(error as NodeJS.ErrnoException)}`);
  }
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
