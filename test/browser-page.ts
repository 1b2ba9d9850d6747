import { spawn } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, extname, join, sep } from "node:path";
import { json } from "node:stream/consumers";

const types: Readonly<Record<string, string>> = { ".html": "text/html", ".js": "text/javascript" };

/** The path of a Chromium; undefined where there is none. */
export const chromium: string | undefined = findOnPath(["chromium", "chromium-browser", "google-chrome"]);

/**
 * Opens `/index.html` and waits until it sends JSON to `/result`.
 *
 * @param folders - what the server serves: path to folder
 * @throws Error when the page sends nothing within half a minute
 */
export async function openPage(folders: Readonly<Record<string, string>>): Promise<unknown> {
  const files = new Map<string, string>();
  for (const [path, folder] of Object.entries(folders)) {
    for (const name of await readdir(folder, { recursive: true }))
      files.set(`${path}${name.split(sep).join("/")}`, join(folder, name));
  }
  const result = Promise.withResolvers<unknown>();
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/result") {
      result.resolve(await json(request));
      response.end();
      return;
    }
    const file = files.get(pathname);
    if (file === undefined) response.writeHead(404).end();
    else
      response
        .writeHead(200, { "content-type": types[extname(file)] ?? "application/octet-stream" })
        .end(await readFile(file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/index.html`;
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
  const timer = setTimeout(() => result.reject(new Error(`${url} told no result within 30 seconds`)), 30_000);
  browser.once("error", result.reject);
  try {
    return await result.promise;
  } finally {
    clearTimeout(timer);
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
