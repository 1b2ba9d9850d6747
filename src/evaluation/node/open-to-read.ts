import { close, constants, createReadStream, fstat, open } from "node:fs";
import { open as openFile, stat } from "node:fs/promises";
import { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

/** How long the system may take to open a named pipe before its other end is tried again; milliseconds. */
const betweenTries = 20;

/**
 * Opens a file, a named pipe or a device. Somebody may never open the other end of a pipe, or write nothing to it: a thread that waits for that would hold up
 * the end of the process, too. None does after the signal.
 *
 * @returns its bytes, in pieces
 * @throws Error of the file system; the signal's reason. While it is read: the file system's, or one of the name AbortError
 */
export async function openToRead(path: string, signal: AbortSignal | undefined): Promise<AsyncIterable<Buffer>> {
  const descriptor = await openDescriptor(path, signal);
  const isPipe = process.platform !== "win32" && (await promisify(fstat)(descriptor)).isFIFO();
  if (!isPipe) return createReadStream(path, { fd: descriptor, signal });
  return new Socket({ fd: descriptor, readable: true, writable: false, signal }); // waits without a thread
}

async function openDescriptor(path: string, signal: AbortSignal | undefined): Promise<number> {
  signal?.throwIfAborted();
  let isOpening = true;
  const letGo = async (): Promise<void> => {
    for (; isOpening; await sleep(betweenTries)) await openOtherEnd(path);
  };
  const onAbort = (): void => void letGo();
  signal?.addEventListener("abort", onAbort, { once: true });
  const descriptor = await promisify(open)(path, "r").finally(() => {
    isOpening = false;
    signal?.removeEventListener("abort", onAbort);
  });
  if (signal?.aborted) await promisify(close)(descriptor);
  signal?.throwIfAborted();
  return descriptor;
}

/** For a moment, so that who opens a named pipe to read has it. */
async function openOtherEnd(path: string): Promise<void> {
  const found = await stat(path).catch(() => undefined);
  if (!found?.isFIFO()) return;
  const pipe = await openFile(path, constants.O_WRONLY | constants.O_NONBLOCK).catch(() => undefined);
  await pipe?.close();
}
