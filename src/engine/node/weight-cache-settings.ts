import { statfs } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, isAbsolute, join, resolve } from "node:path";
import { InvalidOptionError } from "../../errors.ts";

/** Where the cache of repacked weights is, and what it may take. */
export interface WeightCacheSettings {
  /** Undefined where the user has no home. */
  readonly folder: string | undefined;
  /** Bytes; 0 turns the cache off; undefined: {@link defaultLimit}. */
  readonly limit: number | undefined;
}

/** What a process knows of its surroundings. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly system: NodeJS.Platform;
  /** @throws when the user has none */
  readonly home: () => string;
}

/**
 * Reads `SKEIN_CACHE` (a folder; `~` is the home) and `SKEIN_CACHE_LIMIT` (a size); empty ones count as not set. The folder is else where the system keeps what
 * programs can make again.
 *
 * @throws InvalidOptionError when the limit is not a size
 * @see https://specifications.freedesktop.org/basedir-spec/latest/
 */
export function readWeightCacheSettings(
  { environment, system, home }: Surroundings = { environment: process.env, system: process.platform, home: homedir },
): WeightCacheSettings {
  const { SKEIN_CACHE_LIMIT: limit } = environment;
  return {
    folder: findFolder(environment, system, home),
    limit: limit ? parseSize(limit) : undefined,
  };
}

/** Bytes; a language model of 70 billion parameters in 4 bits just fits. */
const largestDefault = 40e9;

/**
 * What the cache may take when nothing is said: 40 GB, or a quarter of the space that it could have, should that be less. What it holds already counts as
 * space, so that the limit does not shrink as it fills.
 *
 * @param folder - need not exist
 * @param held - bytes that the cache holds
 */
export async function defaultLimit(folder: string, held: number): Promise<number> {
  return Math.floor(Math.min(largestDefault, ((await freeSpace(folder)) + held) / 4));
}

/** Bytes that the user may still write to the disk of a folder, which need not exist; infinity where the system cannot say. */
export async function freeSpace(folder: string): Promise<number> {
  for (let path = folder; ; path = dirname(path)) {
    try {
      const { bavail, bsize, blocks } = await statfs(path);
      return blocks === 0 ? Number.POSITIVE_INFINITY : bavail * bsize;
    } catch {
      if (path === dirname(path)) return Number.POSITIVE_INFINITY;
    }
  }
}

function findFolder(
  environment: Surroundings["environment"],
  system: NodeJS.Platform,
  home: Surroundings["home"],
): string | undefined {
  try {
    const { SKEIN_CACHE: chosen } = environment;
    if (chosen) return resolve(chosen.replace(/^~(?=[/\\]|$)/, () => home()));
    if (system === "win32") {
      return join(environment.LOCALAPPDATA || join(home(), "AppData", "Local"), "skein", "weights");
    }
    if (system === "darwin") return join(home(), "Library", "Caches", "skein", "weights");
    const { XDG_CACHE_HOME: caches } = environment;
    // The specification: a path that is not absolute is to be ignored.
    return join(caches && isAbsolute(caches) ? caches : join(home(), ".cache"), "skein", "weights");
  } catch {
    return undefined;
  }
}

const units: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  k: 1e3,
  kb: 1e3,
  kib: 2 ** 10,
  m: 1e6,
  mb: 1e6,
  mib: 2 ** 20,
  g: 1e9,
  gb: 1e9,
  gib: 2 ** 30,
  t: 1e12,
  tb: 1e12,
  tib: 2 ** 40,
};

/** @returns bytes */
function parseSize(text: string): number {
  const [, digits = "", unit = ""] = /^(\d{1,15}(?:\.\d{1,9})?) ?([kmgt]?i?b?)$/i.exec(text.trim()) ?? [];
  const bytes = digits === "" ? Number.NaN : Math.floor(Number(digits) * (units[unit.toLowerCase()] ?? Number.NaN));
  if (Number.isSafeInteger(bytes)) return bytes;
  throw new InvalidOptionError(
    "SKEIN_CACHE_LIMIT",
    `must be a size such as 20GB, 1.5GiB or a number of bytes (0 turns the cache off), not ${JSON.stringify(text.slice(0, 40))}`,
  );
}
