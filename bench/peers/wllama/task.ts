/** What the page is asked to measure. */
export interface BrowserTask {
  readonly threads: number;
  /** Tokens of the prompt that is read. */
  readonly prompt: readonly number[];
  /** Tokens before the answer. */
  readonly text: readonly number[];
}

/** What it found; rates are tokens a second, one a repetition. */
export interface BrowserMeasurement {
  readonly loadSeconds: number;
  readonly prefill: readonly number[];
  readonly decode: readonly number[];
  readonly threads: number;
  /** Of the llama.cpp in it. */
  readonly version: string;
}
