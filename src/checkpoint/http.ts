import { InvalidOptionError } from "../errors.ts";
import { readBlob } from "./blobs.ts";
import { CheckpointError } from "./errors.ts";
import { type CheckpointFiles, checkFileName, checkRange, closedFiles, missingFile, TEXT_LIMIT } from "./files.ts";

/** What a first request asks for: whole configuration files, and the header of most weight files. */
const HEAD_BYTES: number = 64 * 2 ** 10;

/** What a range is asked for again after, when that failed in a way that may pass; milliseconds. */
const WAITS: readonly number[] = [1000, 4000];

/** A file on the server: its size, and what the first request brought. */
interface RemoteFile {
  readonly size: number;
  /** The first bytes, from a server that follows `Range`. */
  readonly head: Uint8Array<ArrayBuffer>;
  /** The file's version, where the server tells it. */
  readonly tag: string | null;
  /** The whole file, from a server that ignores `Range`: kept, so that it is downloaded once. */
  readonly whole?: Blob;
}

/**
 * A checkpoint from a folder on a web server, read in ranges. Nothing is requested before the first read. Works in
 * browsers (across origins the server must allow it by CORS) and in Node.
 *
 * @param url - the folder's address; a query is passed on with every request
 * @param options.signal - ends requests under way and refuses later ones
 * @throws InvalidOptionError when the address is not http(s), or carries a password.
 * @example
 * ```ts
 * const files = openUrl(new URL("https://example.org/models/Qwen2-0.5B-Instruct/"));
 * ```
 */
export function openUrl(url: URL, options: { readonly signal?: AbortSignal } = {}): CheckpointFiles {
  checkUrl(url);
  const folder = url.pathname.endsWith("/") ? url.pathname : `${url.pathname}/`;
  const label = `${url.origin}${folder}`;
  const remotes = new Map<string, Promise<RemoteFile | undefined>>();
  const closing = new AbortController();
  const signals = options.signal === undefined ? [closing.signal] : [closing.signal, options.signal];
  const signal = AbortSignal.any(signals);

  function remoteOf(name: string): Promise<RemoteFile | undefined> {
    checkFileName(name, label);
    if (closing.signal.aborted) throw closedFiles(label);
    let remote = remotes.get(name);
    if (remote === undefined) {
      remote = openRemote(addressOf(name), signal);
      remotes.set(name, remote);
      // A failure may pass: the next call asks again.
      remote.catch(() => remotes.delete(name));
    }
    return remote;
  }

  function addressOf(name: string): URL {
    const address = new URL(label + name.split("/").map(encodeURIComponent).join("/"));
    address.search = url.search;
    return address;
  }

  return {
    label,
    async size(name) {
      return (await remoteOf(name))?.size;
    },
    async read(name, start, end) {
      const remote = await remoteOf(name);
      if (remote === undefined) throw missingFile(name, label);
      checkRange(label + name, remote.size, start, end);
      if (remote.whole !== undefined) return readBlob(remote.whole, start, end, label + name);
      if (end <= remote.head.length) return remote.head.slice(start, end);
      const bytes = await readRange(addressOf(name), remote, start, end, signal);
      if (bytes instanceof Uint8Array) return bytes;
      // The server followed `Range` before and ignores it now: from here on as if it never had.
      remotes.set(name, Promise.resolve({ ...remote, whole: bytes }));
      return readBlob(bytes, start, end, label + name);
    },
    async close() {
      remotes.clear();
      closing.abort(closedFiles(label));
    },
  };
}

function checkUrl(url: URL): void {
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new InvalidOptionError("source", `${url.protocol} addresses cannot be read; give an http(s) one or a folder`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new InvalidOptionError("source", "an address must not carry a user name or password");
  }
  if (/\.(safetensors|json|gguf|bin)$/i.test(url.pathname)) {
    throw new InvalidOptionError(
      "source",
      `${url.origin}${url.pathname} is a file; give the address of the folder that it is in`,
    );
  }
}

/** Learns a file's size and keeps what came with it; `undefined` when the server has no such file. */
async function openRemote(address: URL, signal: AbortSignal): Promise<RemoteFile | undefined> {
  const response = await request(address, signal, 0, HEAD_BYTES);
  // Where nobody may list a bucket, S3 and what stands before it say 403 of a file that is not there.
  if ([403, 404, 410].includes(response.status) || isFallbackPage(response)) {
    await response.body?.cancel();
    return undefined;
  }
  const tag = response.headers.get("etag");
  const range = parseContentRange(response);
  // No byte of an empty file can be asked for, and servers say so in two ways.
  if (response.status === 416 && !range?.total) {
    await response.body?.cancel();
    return { size: 0, head: new Uint8Array(0), tag };
  }
  if (response.status === 200) {
    const whole = await readWhole(address, response, signal);
    return { size: whole.size, head: new Uint8Array(0), tag, whole };
  }
  checkPartial(address, response, 0);
  const head = await receive(address, signal, () => readBody(address, response, HEAD_BYTES));
  let size = range?.total;
  if (size === undefined) {
    // Across origins the total is hidden unless the server exposes it. Less than was asked for is the whole file.
    size = head.length < HEAD_BYTES ? head.length : await sizeByHead(address, signal);
  }
  if (size < head.length) throw networkError(address, `says it has ${size} bytes but sent ${head.length}`);
  return { size, head, tag };
}

/** Bytes of a file, or the whole file when the server ignores `Range`. */
async function readRange(
  address: URL,
  remote: RemoteFile,
  start: number,
  end: number,
  signal: AbortSignal,
): Promise<Uint8Array<ArrayBuffer> | Blob> {
  const bytes = new Uint8Array(end - start);
  let filled = 0;
  let failures = 0;
  // A server may send less than was asked for; the rest is asked for again.
  while (filled < bytes.length) {
    try {
      const response = await request(address, signal, start + filled, end);
      const total = parseContentRange(response)?.total ?? remote.size;
      const tag = response.headers.get("etag");
      // The page of an error may have a version of its own.
      if (total !== remote.size || (response.ok && tag !== null && remote.tag !== null && tag !== remote.tag)) {
        await response.body?.cancel();
        throw networkError(address, "changed while it was read; open the model again");
      }
      if (response.status === 200) {
        const whole = await readWhole(address, response, signal);
        if (whole.size === remote.size) return whole;
        throw networkError(address, "changed while it was read; open the model again");
      }
      checkPartial(address, response, start + filled);
      const piece = await receive(address, signal, () => readBody(address, response, bytes.length - filled));
      if (piece.length === 0) throw networkError(address, `sent nothing at byte ${start + filled}`);
      bytes.set(piece, filled);
      filled += piece.length;
    } catch (error) {
      // A model is a thousand ranges and more, some of which meet a bad moment of the network.
      const wait = WAITS[failures++];
      if (wait === undefined || signal.aborted || !(error as Error).cause) throw error;
      await new Promise<void>((resolve) => {
        const goOn = (): void => {
          clearTimeout(timer);
          signal.removeEventListener("abort", goOn);
          resolve();
        };
        const timer = setTimeout(goOn, wait);
        signal.addEventListener("abort", goOn);
      });
      signal.throwIfAborted();
    }
  }
  return bytes;
}

/** @param end - without it all from `start` on is asked about, by HEAD */
async function request(address: URL, signal: AbortSignal, start: number, end?: number): Promise<Response> {
  // A single range needs no CORS preflight, and keeps the transfer, and the length that HEAD tells, uncompressed.
  const headers = { range: `bytes=${start}-${end === undefined ? "" : end - 1}` };
  return await receive(address, signal, () =>
    fetch(address, { method: end === undefined ? "HEAD" : "GET", headers, signal, redirect: "follow" }),
  );
}

/** Runs a step of the transfer; its failure is reported with the address, an abort with the caller's own reason. */
async function receive<Result>(address: URL, signal: AbortSignal, step: () => Promise<Result>): Promise<Result> {
  try {
    return await step();
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    if (cause instanceof CheckpointError) throw cause;
    // What happened (a refused connection, an unknown host) stands in the cause of fetch's own error.
    const origin = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    const reason = origin instanceof Error ? origin.message : String(origin);
    throw networkError(address, `could not be fetched (${reason}); check the address and the connection`, cause);
  }
}

function checkPartial(address: URL, response: Response, start: number): void {
  if (response.status !== 206) {
    void response.body?.cancel();
    const isBusy = response.status === 429 || response.status >= 500;
    const what = `answered ${`${response.status} ${response.statusText}`.trim()}`;
    throw networkError(address, what, isBusy ? response : undefined);
  }
  const first = parseContentRange(response)?.start ?? start;
  if (first !== start) {
    void response.body?.cancel();
    throw networkError(address, `sent bytes from ${first}, not from ${start}`);
  }
}

/** The whole file: of weights as much as the server announces, of what is not announced, or is text, {@link TEXT_LIMIT} at most. */
async function readWhole(address: URL, response: Response, signal: AbortSignal): Promise<Blob> {
  const { headers } = response;
  const isBounded =
    /\.(safetensors|gguf)$/i.test(address.pathname) &&
    headers.has("content-length") &&
    !headers.has("content-encoding");
  return await receive(address, signal, async () =>
    isBounded ? response.blob() : new Blob([await readBody(address, response, TEXT_LIMIT)]),
  );
}

/** The body's bytes; more than `limit` of them are an error, and are not stored. */
async function readBody(address: URL, response: Response, limit: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(limit);
  let filled = 0;
  const reader = response.body?.getReader();
  for (let step = await reader?.read(); step?.value !== undefined; step = await reader?.read()) {
    if (filled + step.value.length > limit) {
      await reader?.cancel();
      throw networkError(
        address,
        `sent more than the ${limit} bytes that are read at once; the server has to follow Range, or tell Content-Length and no Content-Encoding`,
      );
    }
    bytes.set(step.value, filled);
    filled += step.value.length;
  }
  return filled === limit ? bytes : bytes.slice(0, filled);
}

async function sizeByHead(address: URL, signal: AbortSignal): Promise<number> {
  // All of the file: whether the server follows the range (206) or ignores it (200), the length is the file's.
  const response = await request(address, signal, 0);
  const length = response.headers.get("content-length");
  if (!response.ok || !/^\d{1,15}$/.test(length ?? "")) {
    throw networkError(address, "tells neither Content-Range nor Content-Length");
  }
  return Number(length);
}

/** Development servers answer unknown addresses with their start page; no file of a checkpoint is HTML. */
function isFallbackPage(response: Response): boolean {
  return response.ok && (response.headers.get("content-type") ?? "").startsWith("text/html");
}

function parseContentRange(response: Response): { readonly start: number; readonly total: number } | undefined {
  const match = /^bytes (?:(\d{1,15})-\d{1,15}|\*)\/(\d{1,15})$/.exec(response.headers.get("content-range") ?? "");
  return match === null ? undefined : { start: Number(match[1] ?? 0), total: Number(match[2]) };
}

/** @param cause - what was thrown, or the answer of a server that is busy, where asking again may help; else nothing */
function networkError(address: URL, what: string, cause?: unknown): CheckpointError {
  // Without the query: it may hold a signature.
  return new CheckpointError("network", `${address.origin}${address.pathname} ${what}`, { cause });
}
