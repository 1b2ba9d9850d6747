import { randomUUID } from "node:crypto";
import { link, open, readFile, rename, stat, unlink, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { SkeinError } from "../../index.ts";

/** Its holder says so often that it is alive; milliseconds. */
const beat = 2000;
/** Without a sign of life for so long, the holder has ended, on whatever machine it was; milliseconds. A process's number alone may be another's by then. */
const abandonedAfter = 30_000;
const mostTries = 5;

/**
 * Keeps a second run off a journal while one writes it: they would cut off, and remove, what the other keeps. One that was left by a process that has
 * ended does not count.
 *
 * @param path - of the lock, a file that exists as long as it is held
 * @returns what lets go of it
 * @throws SkeinError (code `busy`) that names the process which holds it; errors of the file system
 */
export async function lockJournal(path: string): Promise<() => Promise<void>> {
  const own = `${process.pid} ${hostname()} ${randomUUID()}`;
  for (let tries = 0; !(await create(path, own)); tries++) {
    const found = await readFile(path, "utf8").catch(() => undefined); // it may be gone meanwhile
    if (tries === mostTries || (found !== undefined && !(await isAbandoned(path, found)))) throw busy(path, found);
    if (found !== undefined) await takeAway(path, found);
  }
  const timer = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), beat);
  timer.unref();
  return async () => {
    clearInterval(timer);
    // Somebody who thought this process ended may have made one of its own in the place.
    if ((await readFile(path, "utf8").catch(() => "")) === own) await unlink(path).catch(() => {});
  };
}

function busy(path: string, owner = ""): SkeinError {
  const [pid, host = ""] = owner.split(" ");
  const who = pid ? `process ${pid}${host === hostname() ? "" : ` on ${host}`}` : "another process";
  const seconds = abandonedAfter / 1000;
  return new SkeinError(
    "busy",
    `${path}: ${who} measures the same at the moment; wait until it is done, or for ${seconds} seconds if it was ended`,
  );
}

/** A lock says from the beginning whose it is. @returns whether there was none */
async function create(path: string, owner: string): Promise<boolean> {
  const beside = `${path}.${randomUUID()}`;
  await writeFile(beside, owner, { mode: 0o600 });
  try {
    await link(beside, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    return await createWithoutLinks(path, owner); // not every disk has them
  } finally {
    await unlink(beside).catch(() => {});
  }
}

async function createWithoutLinks(path: string, owner: string): Promise<boolean> {
  try {
    const file = await open(path, "wx", 0o600);
    await file.writeFile(owner).finally(() => file.close());
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  }
}

async function isAbandoned(path: string, owner: string): Promise<boolean> {
  const [pid = "", host] = owner.split(" ");
  if (host === hostname() && /^\d+$/.test(pid) && !isAlive(Number(pid))) return true;
  const status = await stat(path).catch(() => undefined);
  return status !== undefined && Date.now() - status.mtimeMs > abandonedAfter;
}

/** Of several who find the same lock abandoned, one takes it away; who comes late may get hold of the next one, and puts that back. */
async function takeAway(path: string, abandoned: string): Promise<void> {
  const taken = `${path}.${randomUUID()}`;
  try {
    await rename(path, taken);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return; // somebody else was quicker
    throw error;
  }
  if ((await readFile(taken, "utf8")) === abandoned) await unlink(taken);
  else await rename(taken, path);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== "ESRCH";
  }
}
