import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";
import { UsageError } from "../errors.ts";

/** More text than any window takes; a file above it was not meant. */
const mostBytes = 64 * 2 ** 20;

/** @throws UsageError when the file cannot be read as text */
export async function readTextFile(path: string): Promise<string> {
  const bytes = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    const reason =
      error.code === "ENOENT"
        ? "there is no such file"
        : error.code === "EISDIR"
          ? "is a folder"
          : (error.code ?? error.message);
    throw new UsageError(`--file ${path}: ${reason}`);
  });
  if (bytes.length > mostBytes)
    throw new UsageError(`--file ${path}: ${bytes.length} bytes are more than any window takes`);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw new UsageError(`--file ${path}: is not UTF-8 text`);
  }
}

/** What is piped in; undefined when a person sits at the terminal. */
export async function readPipedText(): Promise<string | undefined> {
  return process.stdin.isTTY === true ? undefined : text(process.stdin);
}
