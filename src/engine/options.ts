import type { CacheType, WeightType } from "../backend/backend.ts";
import type { DownloadPlan } from "../checkpoint/hub/hub.ts";
import type { ContextDiagnosisCode } from "../context/diagnose.ts";
import type { ContextOptions } from "../context/options.ts";
import type { ContextSettings } from "../context/settings.ts";
import type { TuningWarning } from "../context/tuning.ts";
import type { SamplingOptions } from "../sampling/options.ts";
import type { ChatMessages } from "../text/chat-input.ts";
import type { ModelSource } from "./source.ts";

/** What is going on, told while something takes long. */
export interface Progress {
  /**
   * `download`: from the Hub, in bytes. `load`: weights, in bytes. `prefill`: reading tokens. `growth`: reading tokens again after the factor changed.
   * `quantize`, `merge`: bytes of the weights that are written.
   */
  readonly phase: "download" | "load" | "prefill" | "growth" | "quantize" | "merge";
  readonly completed: number;
  readonly total: number;
}

/** Names of warnings; stable across versions. */
export type WarningCode =
  | ContextDiagnosisCode
  | TuningWarning["code"]
  | "adapter_window_without_room"
  | "generation_config_not_followed"
  | "hub_not_reached"
  | "kernels"
  | "leading_spaces_differ"
  | "output_matrix_not_used"
  | "rows_not_in_blocks"
  | "sliding_window_not_followed"
  | "threads"
  | "weights_widened"
  | "yarn_bounds_not_followed";

/** Something that a user should know and that stops nothing. */
export interface Warning {
  readonly code: WarningCode;
  readonly message: string;
}

/** How a model is loaded. */
export interface LoadOptions {
  /** `auto` (default) takes the fastest one there is: `wasm`. `reference` is plain TypeScript, for checking. */
  readonly backend?: "auto" | "wasm" | "reference" | undefined;
  /** How the weights of matrices are kept: as the checkpoint has them unless given; `q8` and `q4` in 8 and 4 bits. */
  readonly weights?: WeightType | undefined;
  /** The same for the embedding and output matrices: as `weights`, but in 8 bits where that is `q4`. */
  readonly embeddings?: WeightType | undefined;
  /** How keys and values are kept: `f32` (default), `f16`, half the memory, or `q8`, a quarter, and the fastest. */
  readonly cache?: CacheType | undefined;
  /** Threads to compute on: all cores unless given; one in a page that is not cross-origin isolated. */
  readonly threads?: number | undefined;
  /**
   * Which kernels compute. `wide`: with vectors of 256 bits, where V8 makes them (Node 24.5 and newer on x64). `relaxed`: with relaxed SIMD. `pairs`: the same
   * for processors without an instruction for dot products of four bytes. `plain`: without relaxed SIMD, for engines that have none. All but `plain`
   * compute the same bits.
   */
  readonly kernels?: "auto" | "wide" | "relaxed" | "pairs" | "plain" | undefined;
  readonly context?: ContextOptions | undefined;
  /** Adapters (PEFT LoRA) beside the model, by names of your choice: sessions and requests choose one by its name. */
  readonly adapters?: Readonly<Record<string, ModelSource | AdapterOptions>> | undefined;
  /**
   * Whether a model named by its Hub id is downloaded where it is not in the cache (Node). No by default; a function is told what would be downloaded,
   * and answers.
   */
  readonly download?: boolean | ((plan: DownloadPlan) => boolean | Promise<boolean>) | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** Receives what is odd about the model or the options; `console.warn` by default. */
  readonly onWarning?: ((warning: Warning) => void) | undefined;
}

/** Where an adapter is, and at which length it was tuned. */
export interface AdapterOptions {
  /** A folder with `adapter_config.json` and `adapter_model.safetensors`, its URL, or these files. */
  readonly source: ModelSource;
  /** The number of tokens that it was tuned at, which takes the place of the native window; as its `skein.json` says, else the model's own. */
  readonly window?: number | undefined;
  /** The factor of YaRN that it was tuned with, over the model's original window; as its `skein.json` says, else none. */
  readonly factor?: number | undefined;
}

/** An adapter that is loaded. */
export interface AdapterFacts {
  readonly name: string;
  /** How many modules it changes. */
  readonly modules: number;
  /** The largest rank of its matrices. */
  readonly rank: number;
  /** The windows of sequences that have it. */
  readonly context: ContextSettings;
}

/** How an adapter is merged. */
export interface MergeOptions extends Pick<LoadOptions, "download"> {
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** A checkpoint that was written. */
export interface MergedModel {
  readonly folder: string;
  /** Of its weights. */
  readonly bytes: number;
  /** How many modules the adapter changed. */
  readonly modules: number;
  /** What was odd about the adapter, or about having the two from the Hub. */
  readonly warnings: readonly Warning[];
}

/** How a session is created. */
export interface SessionOptions {
  /** The length, in tokens, that the session is planned for from the start, so that it need not grow later. */
  readonly plannedTokens?: number | undefined;
  /** May only narrow what the model was loaded with. */
  readonly context?: ContextOptions | undefined;
  /** The name of the adapter that the session has, and its forks; none by default. */
  readonly adapter?: string | undefined;
}

/** How tokens are appended to a session. */
export interface AppendOptions {
  /** Whose logits to return: of none (default), of the last, or of all appended tokens. */
  readonly logits?: "none" | "last" | "all" | undefined;
  /** Whether to return the log probability of each appended token. */
  readonly logprobs?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
}

/** What appending returns. */
export interface AppendResult {
  /** Rows of `logits`. */
  readonly rows: number;
  /** [rows, vocabulary]; there unless `rows` is 0. */
  readonly logits?: Float32Array<ArrayBuffer>;
  /** Natural logarithm of each appended token's probability; NaN for the first token of a session, which nothing precedes. There if they were asked for and tokens appended. */
  readonly logprobs?: Float64Array<ArrayBuffer>;
}

/** What a chat template is given besides the messages. */
export interface ChatTemplateOptions {
  /** Descriptions of tools. */
  readonly tools?: readonly object[] | undefined;
  /** More variables, as { enable_thinking: false }. */
  readonly templateArguments?: object | undefined;
  /** Whether the text ends where the assistant's answer begins; true by default. */
  readonly addGenerationPrompt?: boolean | undefined;
  /** Return tokens, not text. */
  readonly tokenize?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What to generate from: exactly one of `prompt`, `messages` and `tokens`. */
export interface GenerateInput {
  /** Text to continue. */
  readonly prompt?: string | undefined;
  /** Whether control tokens in `prompt` are parsed (default), or taken as the letters they are written with. */
  readonly specialTokens?: boolean | undefined;
  /** A conversation; the chat template is applied. */
  readonly messages?: ChatMessages | undefined;
  readonly tokens?: ArrayLike<number> | undefined;
  /** Tools that the chat template describes to the model. */
  readonly tools?: readonly object[] | undefined;
  /** More variables for the chat template, as { enable_thinking: false }. */
  readonly templateArguments?: object | undefined;
}

/** How to generate. Sampling options left out come from the model's `generation_config.json`. */
export interface GenerateOptions extends GenerateInput, SamplingOptions {
  /** The most tokens to generate; left out: to the end of the window at the factor that the prompt needs. */
  readonly maxTokens?: number | undefined;
  /** Texts that end the answer; they are not part of it. */
  readonly stop?: string | readonly string[] | undefined;
  /** Tokens that end the answer, in place of the model's own. */
  readonly endTokens?: readonly number[] | undefined;
  /** Log probabilities of the generated tokens, and how many alternatives beside each (true: none). */
  readonly logprobs?: boolean | number | undefined;
  /**
   * Guess what follows from where the text said the same before, and check the guesses in one step (true: up to 8 of them; a number from 1 to 32:
   * the most). The answer is the same, token by token and bit by bit; where it quotes, it takes fewer steps. Off by default.
   */
  readonly promptLookup?: boolean | number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: Progress) => void) | undefined;
  /** May only narrow what the model, or the session, was given. */
  readonly context?: ContextOptions | undefined;
  /** The name of an adapter; none by default. A session has its own from its beginning, and takes no other. */
  readonly adapter?: string | undefined;
}

/** Log probability of one generated token, under the model, before penalties and temperature. */
export interface TokenLogprob {
  readonly token: number;
  readonly logprob: number;
  /** The likeliest tokens at this place, best first. */
  readonly top: readonly { readonly token: number; readonly logprob: number }[];
}

/** `stop`: an end token or a stop text; `length`: maxTokens. */
export type FinishReason = "stop" | "length";

/** A piece of an answer as it comes. */
export interface GenerationChunk {
  /** Whole characters only; may lag behind `tokens`. */
  readonly text: string;
  readonly tokens: readonly number[];
  readonly logprobs?: readonly TokenLogprob[];
  /** The factor that this answer is computed at; 1 = native. */
  readonly factor: number;
  /** On the last chunk. */
  readonly finishReason?: FinishReason;
}

/** Tokens of a request. */
export interface Usage {
  /** All tokens before the answer. */
  readonly promptTokens: number;
  /** Those of them whose keys and values were cached already. */
  readonly cachedTokens: number;
  readonly completionTokens: number;
  readonly totalTokens: number;
  /** With `promptLookup`: guesses that were computed beside the answer's own tokens. */
  readonly guessedTokens?: number;
  /** With `promptLookup`: those of them that were right and saved a step each. */
  readonly acceptedTokens?: number;
}

/** Seconds. */
export interface Timings {
  readonly prefillSeconds: number;
  readonly decodeSeconds: number;
}

/** A whole answer. */
export interface GenerationResult {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly logprobs?: readonly TokenLogprob[];
  readonly finishReason: FinishReason;
  readonly factor: number;
  readonly usage: Usage;
  readonly timings: Timings;
  /** The seed that was used; the same one gives the same text again. */
  readonly seed: number;
}
