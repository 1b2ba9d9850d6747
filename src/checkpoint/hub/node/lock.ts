import { randomUUID } from "node:crypto";
import { open, readFile, rename, stat, unlink, utimes } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname } from "node:path";
import { makeFolder } from "../../node/make-folder.ts";
import { HubError } from "../errors.ts";
import { codeOf } from "./cache-layout.ts";
import { pause } from "./request.ts";

/** A lock that is held. */
export interface Lock {
  readonly release: () => Promise<void>;
}

/** Its holder says so often that it is alive; milliseconds. */
const beat = 2000;
/** Without a sign of life for so long, the holder has ended, on whatever machine it was; milliseconds. */
const abandonedAfter = 30_000;
const lookAgain = 200;
/** What Windows refuses to rename a file with while another process has it open; a folder that may not be written to gives the same. */
const refusals = ["EPERM", "EACCES", "EBUSY"];
/** So often a refusal is waited for. */
const mostRefusals = 5;

/**
 * Waits for a lock. It keeps processes from downloading the same file twice; that files stay whole does not hang on it, since a file appears under its
 * name only when it is complete.
 *
 * @param path - a file that exists as long as the lock is held
 * @param isDone - asked while waiting: whether the lock is not needed any more
 * @returns undefined when it is not needed any more
 * @throws Error of the file system; HubError when a lock that was left cannot be removed; the signal's reason
 */
export async function takeLock(
  path: string,
  isDone: () => Promise<boolean>,
  signal: AbortSignal | undefined,
): Promise<Lock | undefined> {
  await makeFolder(dirname(path));
  const owner = `${process.pid} ${hostname()} ${randomUUID()}`;
  while (!(await create(path, owner))) {
    if (await isDone()) return undefined;
    const abandoned = await findAbandoned(path);
    if (abandoned === undefined || !(await takeAway(path, abandoned, signal))) await pause(lookAgain, signal);
    signal?.throwIfAborted();
  }
  const timer = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), beat);
  timer.unref();
  return {
    release: async () => {
      clearInterval(timer);
      // Somebody who thought us dead may have made one of their own in its place.
      if ((await readFile(path, "utf8").catch(() => "")) === owner) await unlink(path).catch(() => {});
    },
  };
}

/** @returns whether somebody holds it who is alive */
export async function isLocked(path: string): Promise<boolean> {
  return (await stat(path).catch(() => undefined)) !== undefined && (await findAbandoned(path)) === undefined;
}

async function create(path: string, owner: string): Promise<boolean> {
  try {
    const file = await open(path, "wx");
    await file.writeFile(owner).finally(() => file.close());
    return true;
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
}

/** @returns what stands in a lock whose holder has ended */
async function findAbandoned(path: string): Promise<string | undefined> {
  try {
    const [{ mtimeMs }, owner] = await Promise.all([stat(path), readFile(path, "utf8")]);
    const [pid = "", host] = owner.split(" ");
    const hasEnded = host === hostname() && /^\d+$/.test(pid) && !isAlive(Number(pid));
    return hasEnded || Date.now() - mtimeMs > abandonedAfter ? owner : undefined;
  } catch {
    return undefined; // gone meanwhile
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return codeOf(error) !== "ESRCH";
  }
}

/**
 * Of several who find the same lock abandoned, one takes it away; who comes late may get hold of the next one, and puts that back.
 *
 * @returns false when somebody else was quicker
 * @throws HubError when it may not be removed; the signal's reason
 */
async function takeAway(path: string, abandoned: string, signal: AbortSignal | undefined): Promise<boolean> {
  const taken = `${path}.${randomUUID()}`;
  for (let refused = 1; ; refused++) {
    try {
      await rename(path, taken);
      if ((await readFile(taken, "utf8")) === abandoned) await unlink(taken);
      else await rename(taken, path);
      return true;
    } catch (error) {
      const code = codeOf(error);
      if (code === "ENOENT") return false;
      if (refusals.includes(code)) {
        await pause(lookAgain, signal);
        if ((await readFile(path, "utf8").catch(() => undefined)) !== abandoned) return false;
        if (refused < mostRefusals) continue;
      }
      throw new HubError(
        "write_failed",
        `${path} was left by a process that has ended, and cannot be removed (${code}); remove it, or make its folder writable`,
        { cause: error },
      );
    }
  }
}
