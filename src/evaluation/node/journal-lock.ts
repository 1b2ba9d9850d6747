import { randomUUID } from "node:crypto";
import { link, open, readFile, rename, stat, unlink, utimes, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { SkeinError } from "../../index.ts";

/** Its holder says so often that it is alive; milliseconds. */
const beat = 2000;
/** Without a sign of life for so long, the holder has ended, on whatever machine it was; milliseconds. A process's number alone may be another's by then. */
const abandonedAfter = 30_000;
/** The same where no such process is seen on this machine: one in another container, of the same name, is not. */
const unseenAfter = 3 * beat;
/** So long it takes at most to put back a lock that was taken away by mistake. */
const settleMilliseconds = 50;
const mostTries = 5;

/**
 * Keeps a second run off a journal while one writes it: they would cut off, and remove, what the other keeps. One that was left by a process that has
 * ended does not count. (Downloads from the Hub have a lock that waits; an evaluation imports the public API alone.)
 *
 * @param path - of the lock, a file that exists as long as it is held
 * @returns what lets go of it
 * @throws SkeinError (code `busy`) that names the process which holds it; errors of the file system
 */
export async function lockJournal(path: string): Promise<() => Promise<void>> {
  const own = `${process.pid} ${hostname()} ${randomUUID()}`;
  // Somebody may make one of its own in the place, who thought this process ended, or come late with taking away the one before.
  const isOwn = async (): Promise<boolean> => (await readFile(path, "utf8").catch(() => "")) === own;
  for (let tries = 0; ; tries++) {
    if (await create(path, own)) {
      await sleep(settleMilliseconds);
      if (await isOwn()) break;
    }
    const found = await readFile(path, "utf8").catch(() => undefined); // it may be gone meanwhile
    if (tries === mostTries || (found !== undefined && !(await isAbandoned(path, found)))) throw busy(path, found);
    if (found !== undefined) await takeAway(path, found);
  }
  const timer = setInterval(async () => {
    if (await isOwn()) await utimes(path, new Date(), new Date()).catch(() => {});
  }, beat);
  timer.unref();
  return async () => {
    clearInterval(timer);
    if (await isOwn()) await unlink(path).catch(() => {});
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
  try {
    await writeFile(beside, owner, { mode: 0o600 });
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
  const isUnseen = host === hostname() && /^\d+$/.test(pid) && !isAlive(Number(pid));
  const status = await stat(path).catch(() => undefined);
  return status !== undefined && Date.now() - status.mtimeMs > (isUnseen ? unseenAfter : abandonedAfter);
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
