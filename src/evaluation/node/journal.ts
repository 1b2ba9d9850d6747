import { open, readdir, readFile, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { SkeinError } from "../../index.ts";
import type { Journal } from "../evaluate.ts";
import type { Sample } from "../result.ts";
import { lockJournal } from "./journal-lock.ts";
import { makeFolder } from "./make-folder.ts";

/** A journal in a file. */
export interface JournalFile extends Journal, AsyncDisposable {
  /** Finished trials that there are, but for those that a length had no room for. */
  readonly kept: number;
  /** Those of an interrupted run that begins anew, as it does without `resume`. */
  readonly replaced: number;
  /** How long earlier runs took until the last of what was read of them was finished. */
  readonly secondsBefore: number;
  /** When the result is where it belongs: what other runs kept goes too where the result has all of it, and nobody writes it. */
  remove(): Promise<void>;
}

/** A finished trial. */
interface Entry {
  readonly samples: readonly Sample[];
  /** How long its run, with those that it went on with, had taken by then. */
  readonly seconds: number;
}

/** What a journal has, by the ids of the trials. */
type Kept = ReadonlyMap<string, Entry>;

/** Larger ones were not written here. */
const mostBytes = 2 ** 30;

/**
 * Opens the journal of a run: a line of JSON for each finished trial, written before the next result is counted on. A line that was cut off when the
 * process ended counts as not written.
 *
 * @param resume - go on with what is there, and with what other runs kept that were asked for more or less of the same; otherwise it begins anew
 * @param now - seconds since the run began, which each line notes
 * @throws SkeinError (code `write_failed`) with the path, where nothing can be written; (code `busy`) while another process writes it
 */
export async function openJournal(
  path: string,
  { resume, now }: { readonly resume: boolean; readonly now: () => number },
): Promise<JournalFile> {
  await makeFolder(dirname(path)).catch((error: NodeJS.ErrnoException) => {
    const reason = `its folder cannot be made: ${error.code ?? error.message}`;
    const message = `${path}: what is finished cannot be kept here (${reason}); SKEIN_STATE names another folder`;
    throw new SkeinError("write_failed", message, { cause: error });
  });
  const unlock = await explain(path, () => lockJournal(lockOf(path)));
  try {
    return await openLocked(path, { resume, now, unlock });
  } catch (error) {
    await unlock();
    throw error;
  }
}

async function openLocked(
  path: string,
  {
    resume,
    now,
    unlock,
  }: { readonly resume: boolean; readonly now: () => number; readonly unlock: () => Promise<void> },
): Promise<JournalFile> {
  const own = await readJournal(path);
  const others = resume ? await readOthers(path) : new Map<string, Kept>();
  const entries: Kept = new Map(resume ? [...others.values(), own].flatMap((journal) => [...journal]) : []);
  const file = await explain(path, () => open(path, resume ? "a" : "w", 0o600));
  let kept = countFilled(entries);
  // A line of its own, whatever the last one was cut off at.
  if (resume) await explain(path, () => file.appendFile("\n"));
  let writing = Promise.resolve();
  let isOpen = true;
  const used = new Set<string>();
  let secondsBefore = 0;
  return {
    get kept() {
      return kept;
    },
    replaced: resume ? 0 : countFilled(own),
    get secondsBefore() {
      return secondsBefore;
    },
    read: (id) => {
      used.add(id);
      const entry = entries.get(id);
      secondsBefore = Math.max(secondsBefore, entry?.seconds ?? 0);
      return entry?.samples;
    },
    write: (id, found) => {
      const line = `${JSON.stringify({ id, seconds: secondsBefore + now(), samples: found })}\n`;
      writing = writing.then(async () => {
        await explain(path, () => file.appendFile(line));
        if (found.length > 0) kept++;
      });
      return writing;
    },
    remove: async () => {
      // Once it is closed, another process may have begun, or be going on with it; and the others may have got more since they were read.
      if (isOpen) await explain(path, () => rm(path, { force: true }));
      for (const place of [...(isOpen ? [] : [path]), ...others.keys()])
        await whileFree(place, async () => {
          const isWhole = [...(await readJournal(place)).keys()].every((id) => used.has(id));
          if (isWhole) await explain(place, () => rm(place, { force: true }));
        });
    },
    [Symbol.asyncDispose]: async () => {
      isOpen = false;
      await writing.catch(() => {});
      await file.close();
      await unlock();
    },
  };
}

/** Does something with a journal unless a process holds it. Where no lock can be made, on a full disk, nobody writes it either. */
async function whileFree(path: string, work: () => Promise<void>): Promise<void> {
  const unlock = await lockJournal(lockOf(path)).catch((error: unknown) =>
    error instanceof SkeinError ? undefined : async () => {},
  );
  if (unlock) await work().finally(unlock);
}

function lockOf(path: string): string {
  return `${path}.lock`;
}

/** What lies beside a journal under names that begin as its own does: see `journalPath`. */
async function readOthers(path: string): Promise<Map<string, Kept>> {
  const [folder, own] = [dirname(path), basename(path)];
  const beginning = own.replace(/(-\w+)?\.jsonl$/, "");
  const found = new Map<string, Kept>();
  for (const name of await readdir(folder)) {
    const isAkin = name.startsWith(beginning) && /^(-\w+)?\.jsonl$/.test(name.slice(beginning.length));
    if (isAkin && name !== own) found.set(join(folder, name), await readJournal(join(folder, name)));
  }
  return found;
}

function countFilled(kept: Kept): number {
  return [...kept.values()].filter(({ samples }) => samples.length > 0).length;
}

async function readJournal(path: string): Promise<Kept> {
  const found = new Map<string, Entry>();
  for (const line of await readLines(path)) {
    const entry = parseLine(line);
    if (entry) found.set(entry.id, entry);
  }
  return found;
}

async function readLines(path: string): Promise<readonly string[]> {
  try {
    const bytes = await readFile(path);
    return bytes.length > mostBytes ? [] : bytes.toString("utf8").split("\n");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw new SkeinError("read_failed", `${path}: ${(error as Error).message}`, { cause: error });
  }
}

function parseLine(line: string): (Entry & { readonly id: string }) | undefined {
  try {
    const { id, seconds, samples } = JSON.parse(line) as Record<string, unknown>;
    const isWhole =
      typeof id === "string" && Number.isFinite(seconds) && Array.isArray(samples) && samples.every(isSample);
    return isWhole ? { id, seconds: seconds as number, samples } : undefined;
  } catch {
    return undefined;
  }
}

/** It says what it is of: the rest was written by this program into its user's own folder. */
function isSample(value: unknown): value is Sample {
  if (typeof value !== "object" || value === null) return false;
  const { suite, task, method, factor, length, index, promptHash } = value as Record<string, unknown>;
  return (
    [suite, task, method, promptHash].every((text) => typeof text === "string") &&
    [factor, length, index].every((number) => Number.isFinite(number))
  );
}

async function explain<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof SkeinError) throw error;
    throw new SkeinError("write_failed", `${path}: ${(error as Error).message}`, { cause: error });
  }
}
