import type { Diagnosis } from "../../context/diagnosis.ts";

/** Engines that settings can be given for. */
export const servingEngines = ["vllm", "sglang", "llama.cpp", "transformers", "ollama"] as const;
export type ServingEngine = (typeof servingEngines)[number];

/** What is asked of an engine. */
export interface ServingOptions {
  readonly engine: ServingEngine;
  /** The longest sequence, prompt and answer together, in tokens; the native window by default. */
  readonly context?: number | undefined;
}

/** How an engine serves a model at a length: plain data. */
export interface ServingSettings {
  readonly engine: ServingEngine;
  readonly model: string;
  /** Tokens. */
  readonly context: number;
  readonly window: "native" | "extended";
  /** What the engine scales positions by; null: nothing. */
  readonly scaling: ServingScaling | null;
  /** In the order in which they are done; alternatives for other versions say so. */
  readonly steps: readonly ServingStep[];
  readonly notes: readonly ServingNote[];
  readonly cache: ServingCache;
}

/** Scaling as the engine applies it. */
export interface ServingScaling {
  /** `trained`: the model's own, which belongs to it. */
  readonly origin: "extension" | "trained";
  readonly method: string;
  readonly factor: number;
  /** The window that the factor refers to, in tokens. */
  readonly originalWindow: number;
  /** YaRN's bounds, where the files have others than 32 and 1. */
  readonly beta: { readonly fast: number; readonly slow: number } | null;
  /** Whether it is the same at every length; only transformers looks at it, and only for `dynamic` and `longrope`. */
  readonly isStatic: boolean;
  /** What it costs below the native window; null for a model that was trained with it. */
  readonly costBelowWindow: StaticCost | null;
}

/** What static scaling changes for sequences that would not need it. */
export interface StaticCost {
  /** Of the rotated pairs of a head, how many are slowed down, and how many there are. */
  readonly slowedPairs: number;
  readonly pairs: number;
  /** The factor on all attention scores: the square of the attention scaling. */
  readonly scoreFactor: number;
}

/** Something to run or write, as it is. */
export interface ServingStep {
  /** `download`, `convert`, `metadata`: what comes before. `serve`: what serves. `older`: the same for earlier versions. */
  readonly purpose: "download" | "convert" | "metadata" | "serve" | "older";
  /** The versions that it is for, where that matters: `vLLM 0.12 and newer`. */
  readonly version: string | null;
  readonly language: "shell" | "python";
  /** Lines of 80 columns as long as no name is longer. */
  readonly text: string;
}

/** Names of what is said about settings; stable across versions. */
export type ServingNoteCode =
  | "no_scaling_needed"
  | "declared_scaling_is_off"
  | "scaling_is_static"
  | "scaling_was_trained"
  | "length_check_is_off"
  | "tokenizer_may_limit"
  | "checkpoint_needed"
  | "download_first"
  | "cache_is_preallocated"
  | "server_caps_length"
  | "no_scaling_parameter"
  | "length_is_not_enforced"
  | "older_versions_differ";

/** @see {@link Diagnosis}: `fix` is not there, as nothing is wrong */
export type ServingNote = Omit<Diagnosis<ServingNoteCode>, "fix" | "level">;

/** The memory that keys and values of one sequence take. */
export interface ServingCache {
  /** The engine's own choice, where nothing is set. */
  readonly type: "bf16" | "f16" | "f32";
  readonly bytesPerNumber: number;
  readonly layers: number;
  readonly keyValueHeads: number;
  readonly headDim: number;
  readonly bytesPerToken: number;
  /** `context`, rounded up to what the engine takes at once. */
  readonly tokens: number;
  /** Of a sequence of so many tokens. */
  readonly bytes: number;
  /** Layers of sliding attention that keep no more than so many tokens; null where the engine or the model has none. */
  readonly sliding: { readonly layers: number; readonly window: number } | null;
  /** `start`: taken when the engine starts, whatever is used. `use`: as tokens come. */
  readonly taken: "start" | "use";
  /** What sets another type. */
  readonly setting: string;
}
