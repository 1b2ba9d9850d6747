import type { Model } from "../index.ts";
import type { Subject } from "./result.ts";

/** What is evaluated: a model that Skein loads, or a server. */
export interface Target extends AsyncDisposable {
  readonly subject: Subject;
  /** How many trials may run at once. */
  readonly concurrency: number;
  /** Of a prompt, in the model's own tokens: with what the tokenizer puts around it, as Llama's beginning token. */
  countTokens(text: string): Promise<number>;
  /**
   * Of a text, of which parts will be scored: without those.
   *
   * @throws UnsupportedError where a server's tokenizer cannot be had
   */
  tokenize(text: string): Promise<Uint32Array>;
  /**
   * Answers questions, greedily. Questions that begin in the same way are read once as far as they agree.
   *
   * @param request.length - tokens that each is planned for, its answer included
   */
  answer(request: AnswerRequest): Promise<readonly Answer[]>;
  /** @throws UnsupportedError where a server does not return the log probabilities of prompts */
  score(request: ScoreRequest): Promise<Scores>;
  /** Times an answer, greedy and whatever it says. Not there where the model is at hand, whose own times are more exact. */
  time?(request: TimeRequest): Promise<Times>;
  /** Loads what trials need, and lets go of what they do not need. @throws UnsupportedError where a server is to load something */
  prepare(setups: readonly Setup[], signal: AbortSignal): Promise<void>;
  /** @throws UnsupportedError where there is none: of a server */
  model(setup: Setup): Model;
}

/** How a model has to be loaded for a trial. */
export interface Setup {
  readonly extend: "none" | "linear" | "ntk" | "yarn";
  readonly cache: "f32" | "f16" | "q8";
}

/** A method, as far as trials and targets need it: `endpoint` where the server decides. */
export interface Way {
  readonly name: string;
  readonly factor: number;
}

interface Request {
  readonly way: Way;
  readonly signal: AbortSignal;
  /** Told how many tokens were computed, all together. */
  readonly onTokens?: ((completed: number) => void) | undefined;
}

export interface AnswerRequest extends Request {
  readonly prompts: readonly string[];
  readonly maxTokens: number;
  readonly length: number;
}

export interface Answer {
  readonly text: string;
  readonly factor?: number;
  /** A server did not take a prompt of this length. */
  readonly refused?: true;
}

export interface ScoreRequest extends Request {
  readonly tokens: Uint32Array;
}

export interface Scores {
  /** Natural; NaN for the first, which nothing precedes. Without the last where a server's window is full, and empty where it was refused. */
  readonly logprobs: ArrayLike<number>;
  readonly factor?: number;
  /** A server did not take so many tokens. */
  readonly refused?: true;
}

export interface TimeRequest {
  readonly way: Way;
  /** Where the tokenizer is at hand. */
  readonly tokens?: Uint32Array;
  readonly text: string;
  /** Of prompt and answer together, as planned. */
  readonly length: number;
  readonly maxTokens: number;
  readonly signal: AbortSignal;
}

export interface Times {
  /** From the question to the first token of the answer. */
  readonly prefillSeconds: number;
  /** Those that were read in this time. */
  readonly promptTokens: number;
  /** From the first token of the answer to its last. */
  readonly decodeSeconds: number;
  readonly completionTokens: number;
  /** A server did not take so many tokens: the others are 0. */
  readonly refused?: true;
}
