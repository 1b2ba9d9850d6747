import { open, readFile, unlink } from "node:fs/promises";
import { hostname } from "node:os";
import { SkeinError } from "../../index.ts";

/**
 * Keeps a second run off a journal while one writes it: they would cut off, and remove, what the other keeps. One that was left by a process that has
 * ended does not count.
 *
 * @param path - of the lock, a file that exists as long as it is held
 * @returns what lets go of it
 * @throws SkeinError (code `busy`) that names the process which holds it; errors of the file system
 */
export async function lockJournal(path: string): Promise<() => Promise<void>> {
  const holder = await findHolder(path);
  if (holder !== undefined)
    throw new SkeinError(
      "busy",
      `process ${holder} measures the same at the moment; wait until it is done, or remove ${path} if it is not running any more`,
    );
  await unlink(path).catch(() => {}); // its process has ended
  const file = await open(path, "wx", 0o600).catch((error: NodeJS.ErrnoException) => {
    throw error.code === "EEXIST"
      ? new SkeinError("busy", `${path}: another process has begun to measure the same; wait until it is done`)
      : error;
  });
  await file.writeFile(`${process.pid} ${hostname()}`).finally(() => file.close());
  return () => unlink(path).catch(() => {});
}

/** @returns the process that holds a lock, and its machine where it is another one */
export async function findHolder(path: string): Promise<string | undefined> {
  const [, pid = "", host = ""] = /^(\d+) (.+)$/.exec(await readFile(path, "utf8").catch(() => "")) ?? [];
  if (pid === "") return undefined;
  if (host !== hostname()) return `${pid} on ${host}`;
  return isAlive(Number(pid)) ? pid : undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
