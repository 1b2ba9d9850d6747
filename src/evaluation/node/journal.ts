import { mkdir, open, readFile, rm } from "node:fs/promises";
import { dirname } from "node:path";
import { SkeinError } from "../../index.ts";
import type { Journal } from "../evaluate.ts";
import type { Sample } from "../result.ts";

/** A journal in a file. */
export interface JournalFile extends Journal, AsyncDisposable {
  /** Finished trials that are in it, but for those that a length had no room for. */
  readonly kept: number;
  /** What those of earlier runs took. */
  readonly secondsBefore: number;
  /** When the result is where it belongs. */
  remove(): Promise<void>;
}

/** Larger ones were not written here. */
const mostBytes = 2 ** 30;

/**
 * Opens the journal of a run: a line of JSON for each finished trial, written before the next result is counted on. A line that was cut off when the
 * process ended counts as not written.
 *
 * @param resume - go on with what is there; otherwise it begins anew
 * @param now - seconds since the run began, which each line notes
 * @throws SkeinError (code `write_failed`) with the path, where nothing can be written
 */
export async function openJournal(
  path: string,
  { resume, now }: { readonly resume: boolean; readonly now: () => number },
): Promise<JournalFile> {
  const { samples, seconds } = resume
    ? await readJournal(path)
    : { samples: new Map<string, readonly Sample[]>(), seconds: 0 };
  const file = await explain(path, async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    return open(path, resume ? "a" : "w", 0o600);
  });
  let kept = countFilled(samples);
  // A line of its own, whatever the last one was cut off at.
  if (resume) await explain(path, () => file.appendFile("\n"));
  let writing = Promise.resolve();
  return {
    get kept() {
      return kept;
    },
    secondsBefore: seconds,
    read: (id) => samples.get(id),
    write: (id, found) => {
      const line = `${JSON.stringify({ id, seconds: seconds + now(), samples: found })}\n`;
      writing = writing.then(async () => {
        await explain(path, () => file.appendFile(line));
        if (found.length > 0) kept++;
      });
      return writing;
    },
    // Another process with the same settings may have been done first.
    remove: () => explain(path, () => rm(path, { force: true })),
    [Symbol.asyncDispose]: async () => {
      await writing.catch(() => {});
      await file.close();
    },
  };
}

/** @returns how many trials an interrupted run has left at this path */
export async function countKept(path: string): Promise<number> {
  return countFilled((await readJournal(path)).samples);
}

function countFilled(samples: ReadonlyMap<string, readonly Sample[]>): number {
  return [...samples.values()].filter(({ length }) => length > 0).length;
}

async function readJournal(
  path: string,
): Promise<{ readonly samples: Map<string, readonly Sample[]>; readonly seconds: number }> {
  const samples = new Map<string, readonly Sample[]>();
  let seconds = 0;
  for (const line of await readLines(path)) {
    const entry = parseLine(line);
    if (!entry) continue;
    samples.set(entry.id, entry.samples);
    seconds = Math.max(seconds, entry.seconds);
  }
  return { samples, seconds };
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

function parseLine(
  line: string,
): { readonly id: string; readonly seconds: number; readonly samples: readonly Sample[] } | undefined {
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
    throw new SkeinError("write_failed", `${path}: ${(error as Error).message}`, { cause: error });
  }
}
