import { type ContextOptions, loadModel, type Model } from "../index.ts";
import type { PassKeyTask } from "./demo-task.ts";

export type DemoMethod = "none" | "yarn-static" | "yarn-dynamic";

/** What each method is, on a model that was loaded with YaRN of factor 4 and `allowBeyondWindow`. */
export const demoMethods: readonly {
  readonly method: DemoMethod;
  readonly label: string;
  readonly context: ContextOptions;
}[] = [
  { method: "none", label: "no scaling", context: { extend: "none" } },
  { method: "yarn-static", label: "static YaRN ×4", context: { schedule: "static" } },
  { method: "yarn-dynamic", label: "dynamic YaRN", context: { schedule: "dynamic" } },
];

export interface DemoAnswer {
  readonly answer: string;
  readonly correct: boolean;
  readonly factor: number;
}

export interface DemoOptions {
  readonly signal: AbortSignal;
  /** Told how many tokens were read, and of how many. */
  readonly onRead?: (completed: number, total: number) => void;
}

/** How many windows of text the perplexity is taken over: one alone says little. */
const perplexityWindows = 4;

export function loadDemoModel(folder: string, signal: AbortSignal): Promise<Model> {
  return loadModel(folder, { context: { extend: "yarn", factor: 4, allowBeyondWindow: true }, signal });
}

/** Asks for the pass key. */
export async function askPassKey(
  model: Model,
  task: PassKeyTask,
  context: ContextOptions,
  { signal, onRead }: DemoOptions,
): Promise<DemoAnswer> {
  const { prompt, expected } = task;
  const { text, factor } = await model
    .generate({
      tokens: prompt,
      maxTokens: expected.length,
      temperature: 0,
      context,
      signal,
      onProgress: ({ completed, total }) => onRead?.(completed, total),
    })
    .result();
  return { answer: text, correct: text === expected, factor };
}

/** The perplexity of text that fits the native window: the same text, whatever the method. */
export async function inWindowPerplexity(
  model: Model,
  text: Uint32Array,
  context: ContextOptions,
  { signal, onRead }: DemoOptions,
): Promise<number> {
  const { nativeWindow } = model.context;
  let sum = 0;
  let count = 0;
  for (let window = 0; window < perplexityWindows; window++) {
    await using session = await model.createSession({ context });
    const tokens = text.subarray(window * nativeWindow, (window + 1) * nativeWindow);
    onRead?.(window * nativeWindow, perplexityWindows * nativeWindow);
    const { logprobs = [] } = await session.append(tokens, { logprobs: true, signal });
    for (const logprob of logprobs.slice(1)) {
      sum += logprob;
      count++;
    }
  }
  return Math.exp(-sum / count);
}

/** What a user meets who did not opt in. @returns the error */
export async function askWithoutOptingIn(folder: string, task: PassKeyTask, signal: AbortSignal): Promise<unknown> {
  await using model = await loadModel(folder, { signal });
  try {
    await model.generate({ tokens: task.prompt, maxTokens: task.expected.length, signal }).result();
  } catch (error) {
    return error;
  }
  return undefined;
}
