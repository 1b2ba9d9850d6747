import { spawn } from "node:child_process";
import { once } from "node:events";
import { createReadStream, existsSync } from "node:fs";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { extname, join } from "node:path";
import { json } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { transformWithOxc } from "vite";
import { chromium } from "../../../test/browser-page.ts";
import type { BrowserMeasurement, BrowserTask } from "./task.ts";

const package_ = fileURLToPath(new URL("../node_modules/@wllama/wllama/esm", import.meta.url));

/** Also tells what keeps the script from running at all. */
const page = `<!doctype html>
<script>
  const tell = ({ message }) =>
    fetch("/result", { method: "POST", body: JSON.stringify({ error: message ?? "the page's script could not be loaded" }) });
  addEventListener("error", tell, true);
</script>
<script type="importmap">{ "imports": { "@wllama/wllama": "/wllama/index.js" } }</script>
<script type="module" src="/page.js"></script>`;

const types: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".wasm": "application/wasm",
};

/** What gives a page shared memory, and with it threads. */
const isolation = { "cross-origin-opener-policy": "same-origin", "cross-origin-embedder-policy": "require-corp" };

const flags = [
  "--headless=new",
  "--no-sandbox",
  "--disable-gpu",
  "--disable-dev-shm-usage",
  "--no-first-run",
  "--disable-background-networking",
];

/**
 * Opens the page in the system's Chromium, cross-origin isolated, and waits for what it measured.
 *
 * @param model - the GGUF file
 * @throws Error with the page's own message, or when there is no Chromium; the signal's reason
 */
export async function measureInBrowser(
  model: string,
  task: BrowserTask,
  signal: AbortSignal,
): Promise<BrowserMeasurement> {
  if (chromium === undefined) throw new Error("there is no chromium on the PATH");
  if (!existsSync(package_))
    throw new Error("@wllama/wllama is not installed: npm ci --prefix bench/peers --ignore-scripts");
  const script = await transformWithOxc(await readFile(new URL("page.ts", import.meta.url), "utf8"), "page.ts");
  const texts = new Map([
    ["/index.html", page],
    ["/page.js", script.code],
    ["/task.json", JSON.stringify(task)],
  ]);
  const result = Promise.withResolvers<BrowserMeasurement | { readonly error: string }>();
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    if (pathname === "/result") {
      result.resolve((await json(request)) as BrowserMeasurement);
      response.end();
    } else await answer(response, pathname, texts, model);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const profile = await mkdtemp(join(tmpdir(), "skein-browser-"));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/index.html`;
  const browser = spawn(chromium, [...flags, `--user-data-dir=${profile}`, url], { stdio: "ignore" });
  const closed = once(browser, "close");
  browser.once("error", result.reject);
  browser.once("close", () => result.reject(new Error("the browser ended without a result")));
  const stop = (): void => result.reject(signal.reason);
  signal.addEventListener("abort", stop, { once: true });
  try {
    const measurement = await result.promise;
    if ("error" in measurement) throw new Error(measurement.error);
    return measurement;
  } finally {
    signal.removeEventListener("abort", stop);
    browser.kill();
    await closed;
    server.closeAllConnections();
    server.close();
    await rm(profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
  }
}

async function answer(
  response: ServerResponse,
  path: string,
  texts: ReadonlyMap<string, string>,
  model: string,
): Promise<void> {
  const headers = { ...isolation, "content-type": types[extname(path)] ?? "application/octet-stream" };
  const text = texts.get(path);
  if (text !== undefined) {
    response.writeHead(200, headers).end(text);
    return;
  }
  const file = path === "/model.gguf" ? model : path.startsWith("/wllama/") ? join(package_, path.slice(7)) : undefined;
  const found = file === undefined ? undefined : await stat(file).catch(() => undefined);
  if (file === undefined || !found?.isFile()) {
    response.writeHead(404).end();
    return;
  }
  response.writeHead(200, { ...headers, "content-length": found.size });
  createReadStream(file).pipe(response);
}
