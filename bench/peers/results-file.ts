import { appendFile, readFile } from "node:fs/promises";
import type { Measurement } from "../engine.ts";

/** Finished measurements, one a line, so that a run of hours can be interrupted. Lines are only added. */
export interface ResultsFile {
  /** @returns what was measured under this key in the run that goes on */
  find(key: string): Measurement | undefined;
  add(key: string, measurement: Measurement): Promise<void>;
}

interface Line {
  /** Absent on the line that begins a run. */
  readonly key?: string;
  readonly measurement?: Measurement;
  readonly time: string;
}

/** @param resume - goes on with the last run; else another one begins */
export async function openResults(path: string, { resume }: { readonly resume: boolean }): Promise<ResultsFile> {
  const found = new Map<string, Measurement>();
  if (resume) {
    for (const { key, measurement } of await readLines(path)) {
      if (key === undefined) found.clear();
      else if (measurement) found.set(key, measurement);
    }
  }
  const write = (line: Omit<Line, "time">): Promise<void> =>
    appendFile(path, `${JSON.stringify({ ...line, time: new Date().toISOString() })}\n`);
  if (resume)
    await appendFile(path, "\n"); // ends a line that was cut short
  else await write({});
  return {
    find: (key) => found.get(key),
    add: async (key, measurement) => {
      found.set(key, measurement);
      await write({ key, measurement });
    },
  };
}

async function readLines(path: string): Promise<readonly Line[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return text.split("\n").flatMap((line) => {
    try {
      return [JSON.parse(line) as Line];
    } catch {
      return []; // cut short when the machine went down, or the end of the file
    }
  });
}
