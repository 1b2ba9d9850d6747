import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { transformWithOxc } from "vite";
import { chromium, openPage, type Served } from "../../../test/browser-page.ts";
import type { BrowserMeasurement, BrowserTask } from "./task.ts";

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url));
const wllama = pathOf("../node_modules/@wllama/wllama/esm");
const skein = pathOf("../../../dist/browser");

/** Longer than anything that is measured here takes. */
const mostSeconds = 1800;

/** An engine that runs in a page. */
export interface BrowserEngine {
  /** As reports name it. */
  readonly name: string;
  /** @throws Error with the page's own message, or when there is no Chromium; the signal's reason */
  readonly measure: (task: BrowserTask, signal: AbortSignal) => Promise<BrowserMeasurement>;
}

/** @param checkpoint - the folder of the model */
export function createSkeinPage(checkpoint: string): BrowserEngine {
  if (!existsSync(skein)) throw new Error(`${skein} is missing: npm run build`);
  return {
    name: "Skein",
    measure: (task, signal) =>
      measureInPage("skein-page.ts", { "/skein/": skein, "/model/": checkpoint }, task, signal),
  };
}

/** @param model - the GGUF file */
export function createWllamaPage(model: string): BrowserEngine {
  if (!existsSync(wllama))
    throw new Error("@wllama/wllama is not installed: npm ci --prefix bench/peers --ignore-scripts");
  return {
    name: "wllama",
    measure: (task, signal) =>
      measureInPage("wllama-page.ts", { "/wllama/": wllama, "/model.gguf": model }, task, signal),
  };
}

/** Also tells what keeps the script from running at all. */
const html = `<!doctype html>
<script>
  const tell = ({ message }) =>
    fetch("/result", { method: "POST", body: JSON.stringify({ error: message ?? "the page's script could not be loaded" }) });
  addEventListener("error", tell, true);
</script>
<script type="importmap">{ "imports": { "@wllama/wllama": "/wllama/index.js", "skein": "/skein/index.js" } }</script>
<script type="module" src="/page.js"></script>`;

/** Opens a page in the system's Chromium, cross-origin isolated, and waits for what it measured. */
async function measureInPage(
  script: string,
  served: Served,
  task: BrowserTask,
  signal: AbortSignal,
): Promise<BrowserMeasurement> {
  if (chromium === undefined) throw new Error("there is no chromium on the PATH");
  const page = await openPage(
    {
      ...served,
      "/index.html": new Blob([html]),
      "/page.js": await plainScript(script),
      "/task.ts": await plainScript("task.ts"),
      "/task.json": new Blob([JSON.stringify(task)]),
    },
    { isIsolated: true, mostSeconds, signal },
  );
  const measured = page.result as BrowserMeasurement | { readonly error: string };
  if ("error" in measured) throw new Error(measured.error);
  return measured;
}

/** A file of this folder as a browser runs it. */
async function plainScript(name: string): Promise<Blob> {
  const { code } = await transformWithOxc(await readFile(new URL(name, import.meta.url), "utf8"), name);
  return new Blob([code], { type: "text/javascript" });
}
