/** What a page is asked to measure. */
export interface BrowserTask {
  readonly threads: number;
  /** How many tokens are read. */
  readonly prompt: number;
  /** How many stand before the answer. */
  readonly text: number;
}

/** What it found; rates are tokens a second, one a repetition. */
export interface BrowserMeasurement {
  readonly prefill: readonly number[];
  readonly decode: readonly number[];
  readonly threads: number;
  /** Of llama.cpp; of Skein there is one. */
  readonly version?: string;
}

/** How often a page measures each. */
export const repetitions = 3;

/** Tokens of an answer; the first one is not counted. */
export const answerTokens = 49;

/**
 * Does what `/task.json` says, and sends to `/result` what was found or what went wrong.
 *
 * @param measure - in the browser
 */
export async function runTask(measure: (task: BrowserTask) => Promise<BrowserMeasurement>): Promise<void> {
  const task: BrowserTask = await (await fetch("/task.json")).json();
  const result = await measure(task).catch((error: unknown) => ({ error: String(error) }));
  await fetch("/result", { method: "POST", body: JSON.stringify(result) });
}

/** @returns whole numbers from 0 on, the same in every run */
export function randomNumbers(count: number, below: number): number[] {
  let state = 1;
  return Array.from({ length: count }, () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  });
}

/**
 * @param times - when each token of an answer came, in milliseconds
 * @returns tokens a second: the median
 */
export function rateOf(times: readonly number[]): number {
  const intervals = times.slice(1).map((time, i) => time - times[i]!);
  return 1000 / intervals.toSorted((a, b) => a - b)[intervals.length >> 1]!;
}
