/** What the page is asked to measure. */
export interface BrowserTask {
  readonly threads: number;
  /** What is read; one token a letter. */
  readonly prompt: string;
  /** What stands before the answer. */
  readonly text: string;
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
