import type { ServingCache, ServingEngine, ServingNote, ServingSettings, ServingStep } from "../index.ts";

/** What `--for` takes. */
export const servingEngines: readonly ServingEngine[] = ["vllm", "sglang", "llama.cpp", "transformers", "ollama"];

/** Everything that a report on settings for another engine says, in one language. */
export interface ServingTexts {
  readonly headings: Readonly<Record<"settings" | "notes", string>>;
  readonly labels: Readonly<Record<"window" | "scaling" | "cache" | "reckoning" | "smaller", string>>;
  /** Beside the model's name. */
  readonly title: (settings: ServingSettings) => string;
  readonly window: (settings: ServingSettings) => string;
  readonly scaling: (settings: ServingSettings) => string;
  /** Above a step's text. */
  readonly purpose: (step: ServingStep) => string;
  readonly cache: (settings: ServingSettings) => string;
  /** How the cache's size comes about. */
  readonly reckoning: (cache: ServingCache) => string;
  readonly note: (note: ServingNote) => string;
}
