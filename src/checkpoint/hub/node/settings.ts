import { readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join, resolve } from "node:path";
import { InvalidOptionError } from "../../../errors.ts";

/** Where the Hub and its cache are, as the environment says it to Python's `huggingface_hub` too. */
export interface HubSettings {
  /** The folder that holds `models--OWNER--NAME`. */
  readonly cache: string;
  /** Every request starts here; without a slash at the end. */
  readonly endpoint: string;
  /** The variable that says that nothing is requested, if one does. */
  readonly offline: string | undefined;
  readonly token: HubToken | undefined;
  /** How long the Hub may take to answer a question; milliseconds. */
  readonly questionTimeout: number;
  /** How long a download may stand still; milliseconds. */
  readonly downloadTimeout: number;
}

export interface HubToken {
  readonly value: string;
  /** Where it was found, for messages. */
  readonly origin: string;
}

/** What a process knows of its surroundings. */
export interface Surroundings {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** @throws when the user has none */
  readonly home: () => string;
}

/**
 * Reads `HF_HOME`, `HF_HUB_CACHE`, `HF_TOKEN`, `HF_TOKEN_PATH`, `HF_ENDPOINT`, `HF_HUB_OFFLINE` and their relatives; empty ones count as not set.
 *
 * @throws InvalidOptionError when one of them cannot be followed
 * @see https://huggingface.co/docs/huggingface_hub/package_reference/environment_variables
 */
export async function readHubSettings(
  surroundings: Surroundings = { environment: process.env, home: homedir },
): Promise<HubSettings> {
  const { environment } = surroundings;
  const path = (name: string): string | undefined => {
    const value = environment[name];
    return value ? resolve(expand(value, surroundings)) : undefined;
  };
  const caches = environment.XDG_CACHE_HOME || join(surroundings.home(), ".cache");
  const home = path("HF_HOME") ?? resolve(expand(join(caches, "huggingface"), surroundings));
  return {
    cache: path("HF_HUB_CACHE") ?? path("HUGGINGFACE_HUB_CACHE") ?? join(home, "hub"),
    endpoint: readEndpoint(environment.HF_ENDPOINT || "https://huggingface.co"),
    offline: readOffline(environment),
    token: isTrue(environment.HF_HUB_DISABLE_IMPLICIT_TOKEN)
      ? undefined
      : await readToken(environment, path("HF_TOKEN_PATH") ?? join(home, "token")),
    questionTimeout: readSeconds("HF_HUB_ETAG_TIMEOUT", environment),
    downloadTimeout: readSeconds("HF_HUB_DOWNLOAD_TIMEOUT", environment),
  };
}

/** @returns the variable that says so; the first one that is set decides */
function readOffline(environment: Surroundings["environment"]): string | undefined {
  const name = ["HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"].find((variable) => environment[variable]);
  return name !== undefined && isTrue(environment[name]) ? name : undefined;
}

async function readToken(environment: Surroundings["environment"], file: string): Promise<HubToken | undefined> {
  for (const name of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"]) {
    const value = environment[name]?.trim();
    if (value) return checkToken({ value, origin: name });
  }
  const value = (await readFile(file, "utf8").catch(() => "")).trim();
  return value === "" ? undefined : checkToken({ value, origin: file });
}

/** What cannot stand in a header would only fail later, and with its text in the message. */
function checkToken(token: HubToken): HubToken {
  if (/^[\x21-\x7e]{1,1000}$/.test(token.value)) return token;
  throw new InvalidOptionError(token.origin, "is not a token: it has spaces, line breaks or other letters in it");
}

function readEndpoint(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== "https:" && url?.protocol !== "http:")
    throw new InvalidOptionError("HF_ENDPOINT", `must be an http(s) address as https://huggingface.co, not ${text}`);
  if (url.username !== "" || url.password !== "" || url.search !== "" || url.hash !== "")
    throw new InvalidOptionError("HF_ENDPOINT", "must be an address alone, without a password or a query");
  return url.href.replace(/\/+$/, "");
}

/** @returns milliseconds */
function readSeconds(name: string, environment: Surroundings["environment"]): number {
  const text = environment[name] || "10";
  const seconds = /^\d{1,6}(?:\.\d+)?$/.test(text.trim()) ? Number(text) : Number.NaN;
  if (seconds > 0) return seconds * 1000;
  throw new InvalidOptionError(name, `must be a number of seconds above 0, not ${text}`);
}

function isTrue(value: string | undefined): boolean {
  return value !== undefined && ["1", "ON", "YES", "TRUE"].includes(value.toUpperCase());
}

/** `~` and `$NAME`, as Python's `expanduser` and `expandvars` replace them. */
function expand(path: string, { environment, home }: Surroundings): string {
  return path
    .replace(/^~(?=[/\\]|$)/, () => home())
    .replace(/\$(?:\{(\w+)\}|(\w+))/g, (written, braced, plain) => environment[braced ?? plain] ?? written);
}
