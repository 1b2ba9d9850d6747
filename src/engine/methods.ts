import type { CacheLayout } from "../backend/backend.ts";
import type { EncodingChoice } from "../context/encoding.ts";
import type { ContextOptions } from "../context/options.ts";
import type { ContextSettings } from "../context/settings.ts";
import type { ModelConfig } from "../model/config.ts";
import type { GenerationDefaults } from "../model/generation-config.ts";
import type { SamplingOptions } from "../sampling/options.ts";
import type { ChatMessages } from "../text/chat-input.ts";
import type { ChatPiece } from "../text/chat-pieces.ts";
import type { TokenTable } from "../text/token-table.ts";
import type { AdapterFacts, FinishReason, LoadOptions, Progress, TokenLogprob, Warning } from "./options.ts";
import type { SourceDescription } from "./source.ts";

/** A session's number in the engine worker. */
export type SessionId = number;

/** What the owner of a session shows of it. */
export interface SessionState {
  readonly length: number;
  readonly factor: number;
  /** The name of the session's adapter. */
  readonly adapter?: string | undefined;
}

export interface LoadCall
  extends Pick<LoadOptions, "backend" | "weights" | "embeddings" | "cache" | "threads" | "kernels"> {
  readonly source: SourceDescription;
  readonly context: ContextOptions;
  readonly adapters?: readonly AdapterCall[];
}

/** An adapter that is to be loaded. */
export interface AdapterCall {
  readonly name: string;
  readonly source: SourceDescription;
  /** In place of what its folder says. */
  readonly window: number | undefined;
  readonly factor: number | undefined;
}

export interface LoadedFacts {
  readonly config: ModelConfig;
  readonly context: ContextSettings;
  readonly defaults: GenerationDefaults;
  readonly warnings: readonly Warning[];
  readonly adapters: readonly AdapterFacts[];
}

export interface AppendCall {
  readonly session: SessionId;
  readonly tokens: Uint32Array;
  readonly logits: "none" | "last" | "all";
  readonly logprobs: boolean;
}

export interface AppendAnswer extends SessionState {
  readonly rows: number;
  readonly logits?: Float32Array<ArrayBuffer>;
  readonly logprobs?: Float64Array<ArrayBuffer>;
}

export interface GenerateCall {
  /** Undefined: a sequence of its own, which ends with the answer. */
  readonly session: SessionId | undefined;
  readonly tokens: Uint32Array;
  /** Whether `tokens` are all that the session shall have (a conversation), or are appended. */
  readonly replace: boolean;
  readonly maxTokens: number | undefined;
  readonly sampling: SamplingOptions;
  readonly stop: readonly string[];
  readonly endTokens: readonly number[];
  /** Alternatives beside each token; undefined: no log probabilities. */
  readonly logprobs: number | undefined;
  /** The most guesses a step; 0: none. */
  readonly promptLookup: number;
  readonly context: ContextOptions | undefined;
  readonly adapter?: string | undefined;
}

export type GenerateEvent =
  | { readonly type: "progress"; readonly progress: Progress }
  | {
      readonly type: "chunk";
      readonly text: string;
      readonly token: number;
      readonly factor: number;
      readonly logprobs?: readonly TokenLogprob[];
      readonly finishReason?: FinishReason;
    };

export interface GenerateSummary {
  readonly finishReason: FinishReason;
  readonly factor: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  readonly prefillSeconds: number;
  readonly decodeSeconds: number;
  readonly seed: number;
  /** With prompt lookup: guesses that were computed, and those of them that saved a step. */
  readonly guessedTokens?: number;
  readonly acceptedTokens?: number;
}

/** What a saved session says about itself, besides tokens, keys and values. */
export interface SnapshotHeader {
  /** {@link fingerprintModel} of the model that it belongs to. */
  readonly fingerprint: string;
  /** The fingerprint of the adapter that the keys were computed with. */
  readonly adapter: string | null;
  readonly layout: CacheLayout;
  readonly encoding: EncodingChoice;
  /** Whether its next plan keeps the factor; false after it was cut. */
  readonly keepsFactor: boolean;
  /** The options that the session has over those of its model, or the model's own. */
  readonly context: ContextOptions;
  readonly plannedTokens: number;
  /** Tokens of the session. */
  readonly length: number;
  /** Those of them that are cached. */
  readonly cached: number;
}

/** The calls that the engine worker answers. */
export interface EngineMethods {
  load: { params: LoadCall; event: Progress; result: LoadedFacts };
  loadAdapter: {
    params: AdapterCall;
    event: never;
    result: { readonly facts: AdapterFacts; readonly warnings: readonly Warning[] };
  };
  unloadAdapter: { params: { readonly name: string }; event: never; result: undefined };
  setTokenTable: { params: TokenTable; event: never; result: undefined };
  createSession: {
    params: {
      readonly plannedTokens: number | undefined;
      readonly context: ContextOptions | undefined;
      readonly adapter?: string | undefined;
    };
    event: never;
    result: { readonly session: SessionId } & SessionState;
  };
  state: { params: { readonly session: SessionId }; event: never; result: SessionState };
  append: { params: AppendCall; event: Progress; result: AppendAnswer };
  generate: { params: GenerateCall; event: GenerateEvent; result: GenerateSummary };
  fork: {
    params: { readonly session: SessionId };
    event: never;
    result: { readonly session: SessionId } & SessionState;
  };
  truncate: { params: { readonly session: SessionId; readonly length: number }; event: never; result: SessionState };
  release: { params: { readonly session: SessionId }; event: never; result: undefined };
  exportSession: {
    params: { readonly session: SessionId };
    event: never;
    result: { readonly header: SnapshotHeader; readonly tokens: Uint32Array<ArrayBuffer> };
  };
  exportBlock: {
    params: { readonly session: SessionId; readonly block: number };
    event: never;
    result: Uint8Array<ArrayBuffer>;
  };
  restoreSession: {
    params: { readonly header: SnapshotHeader; readonly tokens: Uint32Array };
    event: never;
    result: { readonly session: SessionId } & SessionState;
  };
  importBlock: {
    params: { readonly session: SessionId; readonly block: number; readonly total: number; readonly bytes: Uint8Array };
    event: never;
    result: undefined;
  };
  /** Waits for what goes on in the background. */
  finish: { params: undefined; event: never; result: undefined };
  statistics: { params: undefined; event: never; result: EngineStatistics };
}

/** What the engine worker holds and has done. */
export interface EngineStatistics {
  readonly sessions: number;
  readonly cacheBlocks: number;
  readonly cacheBytes: number;
  readonly steps: number;
  readonly rows: number;
}

export interface ChatCall {
  readonly messages: ChatMessages;
  readonly tools: readonly object[] | undefined;
  readonly templateArguments: object | undefined;
  readonly addGenerationPrompt: boolean;
}

/** The chat template of a checkpoint, and what it is rendered with. */
export interface SelectedTemplate {
  readonly text: string;
  /** For messages: the file that it is from. */
  readonly origin: string;
  /** `bos_token`, `eos_token`, ... */
  readonly specialTokenStrings: Readonly<Record<string, string | readonly string[]>>;
  readonly controlTokens: readonly string[];
}

export interface RenderCall extends ChatCall {
  readonly template: SelectedTemplate;
}

/** The calls that whatever renders chat templates answers. */
export interface TemplateMethods {
  ping: { params: undefined; event: never; result: undefined };
  renderPieces: { params: RenderCall; event: never; result: readonly ChatPiece[] };
  renderText: { params: RenderCall; event: never; result: string };
}

/** The calls that the text worker answers. Each of the longer ones tells when it is begun: what it does comes from a file, and may never end. */
export interface TextMethods {
  load: {
    params: { readonly source: SourceDescription };
    event: "begun";
    result: { readonly table: TokenTable | undefined };
  };
  encode: {
    /** `continues`: it is added to other text, so that nothing is put before it. */
    params: { readonly text: string; readonly specialTokens: boolean; readonly continues: boolean };
    event: "begun";
    result: Uint32Array<ArrayBuffer>;
  };
  encodePieces: { params: readonly ChatPiece[]; event: "begun"; result: Uint32Array<ArrayBuffer> };
  decode: {
    params: { readonly tokens: Uint32Array; readonly skipSpecialTokens: boolean; readonly modelVocabulary: number };
    event: "begun";
    result: string;
  };
  selectTemplate: { params: { readonly tools: boolean }; event: never; result: SelectedTemplate };
}
