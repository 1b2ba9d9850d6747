import { spawn } from "node:child_process";
import { accessSync, constants, openAsBlob } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, extname, join, sep } from "node:path";
import { Readable } from "node:stream";
import { arrayBuffer } from "node:stream/consumers";
import { pipeline } from "node:stream/promises";

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".ts": "text/javascript", // without its types, in a Blob
  ".wasm": "application/wasm",
};

/** What a page needs for memory that threads share; on its scripts too, since workers are made of them. */
const isolating = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

/** The path of a Chromium; undefined where there is none. */
export const chromium: string | undefined = findOnPath(["chromium", "chromium-browser", "google-chrome"]);

/** What a server gives: path to folder, if the path ends with a slash, or to a file or its content. */
export type Served = Readonly<Record<string, string | Blob>>;

/** What a page sent, and asked for. */
export interface OpenedPage {
  /** The JSON that it sent to `/result`. */
  readonly result: unknown;
  /** What it sent to `/data/...` before, by the path's end. */
  readonly data: ReadonlyMap<string, Uint8Array<ArrayBuffer>>;
  /** The paths of all requests, in their order. */
  readonly requests: readonly string[];
}

/** How a page is opened. */
export interface PageOptions {
  /** Whether the page is cross-origin isolated; false if left out. */
  readonly isIsolated?: boolean;
  /** The page's path; `/index.html` if left out. */
  readonly path?: string;
  /** Headers of everything that is served. */
  readonly headers?: Readonly<Record<string, string>>;
  /** How long it may take; 30 if left out. */
  readonly mostSeconds?: number;
  readonly signal?: AbortSignal;
}

/**
 * Opens a page and waits until it sends JSON to `/result`.
 *
 * @throws Error when the page sends nothing in time, or the browser ends; the signal's reason
 */
export async function openPage(
  served: Served,
  { isIsolated = false, path = "/index.html", headers, mostSeconds = 30, signal }: PageOptions = {},
): Promise<OpenedPage> {
  const files = new Map<string, string | Blob>();
  for (const [place, content] of Object.entries(served)) {
    if (!place.endsWith("/") || typeof content !== "string") files.set(place, content);
    else
      for (const name of await readdir(content, { recursive: true }))
        files.set(`${place}${name.split(sep).join("/")}`, join(content, name));
  }
  const result = Promise.withResolvers<unknown>();
  const data = new Map<string, Uint8Array<ArrayBuffer>>();
  const requests: string[] = [];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    requests.push(pathname);
    if (request.method === "POST") {
      const body = new Uint8Array(await arrayBuffer(request));
      response.end();
      if (pathname === "/result") result.resolve(JSON.parse(new TextDecoder().decode(body)));
      else data.set(pathname.replace(/^\/data\//, ""), body);
      return;
    }
    const file = files.get(pathname);
    if (file === undefined) return void response.writeHead(404).end();
    const own = {
      "content-type": types[extname(pathname)] ?? "application/octet-stream",
      "cache-control": "no-store",
    };
    const whole = typeof file === "string" ? await openAsBlob(file) : file;
    const range = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "");
    const [start, end] = range ? [Number(range[1]), Math.min(Number(range[2]) + 1, whole.size)] : [0, whole.size];
    const part = range ? { "content-range": `bytes ${start}-${end - 1}/${whole.size}` } : {};
    const length = { "content-length": Math.max(0, end - start) };
    response.writeHead(range ? 206 : 200, { ...own, ...length, ...part, ...(isIsolated ? isolating : {}), ...headers });
    await pipeline(Readable.from(whole.slice(start, end).stream()), response).catch(() => {}); // a browser that has enough ends the connection
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`;
  const profile = await mkdtemp(join(tmpdir(), "skein-browser-"));
  const flags = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
  ];
  const browser = spawn(chromium!, [...flags, `--user-data-dir=${profile}`, url], { stdio: "ignore" });
  const ended = new Promise<void>((resolve) => browser.once("close", () => resolve()));
  const late = (): void => result.reject(new Error(`${url} told no result within ${mostSeconds} seconds`));
  const timer = setTimeout(late, mostSeconds * 1000);
  browser.once("error", result.reject);
  browser.once("close", () => result.reject(new Error("the browser ended without a result")));
  const stop = (): void => result.reject(signal?.reason);
  signal?.addEventListener("abort", stop, { once: true });
  try {
    return { result: await result.promise, data, requests };
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", stop);
    browser.kill();
    await ended;
    server.closeAllConnections();
    server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

function findOnPath(names: readonly string[]): string | undefined {
  const folders = (process.env.PATH ?? "").split(delimiter);
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
