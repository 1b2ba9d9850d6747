import type { GenerateOptions, LoadOptions } from "../src/index.ts";
import { openPage, type PageOptions, type Served } from "./browser-page.ts";

/** What a page does with a model of its own. */
export interface PageTask {
  /** Path of the model's folder, or GGUF file, on the page's server. */
  readonly source: string;
  /** Give the file itself, not its address. */
  readonly asBlob?: boolean;
  /** Give the path as it is, which may be relative to the page. */
  readonly asPath?: boolean;
  /** Look at the model first, in a page that can. */
  readonly inspect?: boolean;
  /** Expect that it cannot be loaded. */
  readonly fails?: boolean;
  readonly options?: LoadOptions;
  /** What to generate from. */
  readonly request?: GenerateOptions;
  /** Whose logits to compute. */
  readonly tokens?: readonly number[];
}

/** What came of a task. */
export interface TaskResult {
  /** Codes. */
  readonly warnings: readonly string[];
  /** The types of its weights, and how many numbers are of each. */
  readonly weights?: Readonly<Record<string, number>>;
  /** The code and the message, of a task that was to fail. */
  readonly error?: { readonly code: string; readonly message: string };
  readonly generated?: { readonly tokens: readonly number[]; readonly text: string };
  /** [tokens, vocabulary]; empty where none were asked for */
  readonly logits: Float32Array;
}

/** What came of a page's tasks. */
export interface TasksResult {
  readonly isIsolated: boolean;
  /** What the page may use at once. */
  readonly processors: number;
  readonly results: readonly TaskResult[];
  /** Paths of all requests of the page. */
  readonly requests: readonly string[];
}

interface Sent extends Omit<TasksResult, "results" | "requests"> {
  readonly results: readonly Omit<TaskResult, "logits">[];
}

/** The page: it does what `/tasks.json` says. */
export const pageHtml = '<!doctype html><title>Skein</title><script type="module" src="./page.js"></script>';

/**
 * The page's script.
 * @param from - what it imports
 * @param inspects - whether it can look at models too: a page that only loads one does not fetch what that takes
 */
export const pageScript = (from: string, inspects = false): string => `import { loadModel } from "${from}";
${inspects ? `import { inspectModel } from "${from}";` : ""}
const tell = (result) => fetch("/result", { method: "POST", body: JSON.stringify(result) });
const run = async ({ source, asBlob, asPath, inspect, fails, options, request, tokens }, index) => {
  const warnings = [];
  const onWarning = ({ code }) => warnings.push(code);
  const url = new URL(source, location.href);
  const given = asBlob ? { "model.gguf": await (await fetch(url)).blob() } : asPath ? source : url;
  const result = { warnings };
  if (inspect) result.weights = (await inspectModel(given)).weights.types;
  const loading = loadModel(given, { ...options, onWarning });
  if (fails) {
    const { code, message } = await loading.then(() => ({}), (error) => error);
    return { ...result, error: { code, message } };
  }
  const model = await loading;
  if (request) {
    const { tokens, text } = await model.generate(request).result();
    result.generated = { tokens, text };
  }
  if (tokens) {
    const session = await model.createSession({ plannedTokens: tokens.length });
    const { logits } = await session.append(tokens, { logits: "all" });
    await fetch("/data/" + index, { method: "POST", body: logits });
  }
  await model.dispose();
  return result;
};
try {
  const results = [];
  for (const task of await (await fetch("/tasks.json")).json()) results.push(await run(task, results.length));
  await tell({ isIsolated: crossOriginIsolated, processors: navigator.hardwareConcurrency, results });
} catch (error) {
  await tell({ error: String(error) });
}`;

/**
 * Opens a page of {@link pageScript} and has it do tasks, one after the other.
 *
 * @throws Error with what the page said, if one of them failed
 */
export async function runTasks(
  served: Served,
  isIsolated: boolean,
  tasks: readonly PageTask[],
  options: PageOptions = {},
): Promise<TasksResult> {
  const tasksJson = new Blob([JSON.stringify(tasks)]);
  const page = await openPage({ ...served, "/tasks.json": tasksJson }, { ...options, isIsolated });
  const sent = page.result as Sent | { readonly error: string };
  if ("error" in sent) throw new Error(`the page said: ${sent.error}`);
  const results = sent.results.map((result, index) => ({
    ...result,
    logits: new Float32Array(page.data.get(String(index))?.buffer ?? new ArrayBuffer(0)),
  }));
  return { ...sent, results, requests: page.requests };
}
