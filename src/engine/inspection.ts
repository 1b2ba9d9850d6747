import type { ContextDiagnosisCode } from "../context/diagnose.ts";
import type { Diagnosis } from "../context/diagnosis.ts";
import type { ContextOptions, Schedule } from "../context/options.ts";
import type { ContextSettings } from "../context/settings.ts";
import type { ModelConfig } from "../model/config.ts";
import type { RotaryMethod, YarnPairs } from "../position/index.ts";
import type { AdapterPlan } from "./adapter-inspection.ts";
import type { EndTokenDiagnosisCode } from "./diagnose-end-tokens.ts";
import type { PlaceDiagnosisCode } from "./diagnose-places.ts";
import type { UseDiagnosisCode } from "./diagnose-use.ts";
import type { LoadOptions } from "./options.ts";

/** How a model is inspected. */
export interface InspectOptions {
  /** A factor of YaRN to show beside 2, 4 and the declared one; without meaning where the model was trained with one. */
  readonly factor?: number | undefined;
  /** The number of tokens usable without extension, in place of what the configuration says. */
  readonly nativeWindow?: number | undefined;
  /** The number of tokens that the work needs: a scaling that it has no use for is said. */
  readonly context?: number | undefined;
  /** Adapters (PEFT LoRA) to look at beside the model, as in `loadModel`. */
  readonly adapters?: LoadOptions["adapters"];
  readonly signal?: AbortSignal | undefined;
}

/** What can be said about a model without reading its weights: plain data. */
export interface ModelInspection {
  /** The published name, or the source as it was given. */
  readonly name: string;
  /** `published`: a configuration that is built in. `checkpoint`: files that were read. */
  readonly origin: "published" | "checkpoint";
  /** Of a source that is an id on the Hub; null for a path, an address, and files in memory. */
  readonly hub: HubAddress | null;
  readonly format: ModelFormat;
  readonly family: ModelConfig["model_type"];
  readonly config: ModelConfig;
  /** Numbers in the weights, as the configuration has it. */
  readonly parameters: number;
  /** What the headers of the weight files say; null without files. */
  readonly weights: WeightsInspection | null;
  /** Windows, largest factor and schedule with no option set (except `nativeWindow`). */
  readonly context: ContextSettings;
  readonly encoding: EncodingInspection;
  /** What YaRN would do, or does where it is declared; null where it cannot be put on the model's own scaling. */
  readonly yarn: YarnInspection | null;
  readonly cache: CacheInspection;
  readonly endTokens: readonly EndToken[];
  readonly sampling: SamplingDefaults;
  readonly chatTemplate: ChatTemplateOrigin;
  /** `model_max_length` of `tokenizer_config.json`, in tokens, which Skein does not follow; null when there is none. */
  readonly tokenizerMaxLength: number | null;
  /** Those of the option `adapters`, in its order. */
  readonly adapters: readonly AdapterPlan[];
  readonly warnings: readonly InspectionWarning[];
}

/** Where a model is on the Hub. */
export interface HubAddress {
  /** `Qwen/Qwen2-7B-Instruct` */
  readonly repository: string;
  /** A branch, a tag or a commit. */
  readonly revision: string;
  /** Of a GGUF model: its file, or its parts in their order; empty otherwise. */
  readonly gguf: readonly string[];
}

/** How the files are written: as on the Hugging Face Hub, or as one GGUF file (that may be split). */
export type ModelFormat = "checkpoint" | "gguf";

/** The weight files, from their headers. */
export interface WeightsInspection {
  readonly parameters: number;
  readonly bytes: number;
  readonly files: number;
  /** Type (`BF16`, ...) to the numbers of that type. */
  readonly types: Readonly<Record<string, number>>;
}

/** The rotary encoding of a short request with no option set. */
export interface EncodingInspection {
  readonly method: RotaryMethod;
  /** The base of the frequencies. */
  readonly theta: number;
  readonly headDim: number;
  /** Rotated pairs of a head. */
  readonly pairs: number;
  /** 1 = none. */
  readonly factor: number;
  /** The factor on cos and sin; 1 = none. */
  readonly attentionScaling: number;
  /** Tokens in which each pair turns once, without any scaling, [pairs]; fastest first. */
  readonly wavelengths: readonly number[];
}

/** YaRN on a model. */
export interface YarnInspection {
  /** Whether the configuration enables it. */
  readonly declared: boolean;
  /** False where the native window is as long already as YaRN is known to make one (131072 tokens). */
  readonly needed: boolean;
  /** The window that factors refer to, in tokens. */
  readonly originalWindow: number;
  readonly schedule: Schedule;
  /** The factors that a dynamic schedule chooses from. */
  readonly steps: readonly number[] | "continuous";
  /** Which pairs are kept, blended and interpolated; the same at every factor. */
  readonly pairs: YarnPairs;
  /** Ascending; its own alone where the model was trained with it. */
  readonly factors: readonly YarnFactor[];
  /** What enables it, as `context` of `loadModel`. */
  readonly option: ContextOptions;
}

/** YaRN at one factor. */
export interface YarnFactor {
  readonly factor: number;
  /** Tokens. */
  readonly extendedWindow: number;
  readonly attentionScaling: number;
}

/** Memory of keys and values, in bytes. */
export interface CacheInspection {
  readonly bytesPerToken: CacheBytes;
  /** Layers of sliding attention, and the tokens that they see; null without any. */
  readonly sliding: { readonly layers: number; readonly window: number } | null;
  readonly totals: readonly CacheTotal[];
}

/** Bytes by the type that keys and values are kept in. */
export interface CacheBytes {
  readonly f32: number;
  readonly f16: number;
  readonly q8: number;
}

/** The cache of one sequence of this many tokens. */
export interface CacheTotal extends CacheBytes {
  readonly tokens: number;
  /** Whether it fits: `native` as the model is, `extended` as it is declared or once YaRN is enabled, `none` not at all. */
  readonly window: "native" | "extended" | "none";
}

/** A token that ends the text. */
export interface EndToken {
  readonly id: number;
  /** How it is written, where a file tells it. */
  readonly text: string | null;
}

/** Sampling where the user says nothing. */
export interface SamplingDefaults {
  /** 0: the most likely token is taken. */
  readonly temperature: number;
  /** 0: all. */
  readonly topK: number;
  readonly topP: number;
  /** 0: all. */
  readonly minP: number;
  readonly repetitionPenalty: number;
}

/**
 * Where the chat template comes from: `own` the checkpoint, `qwen2` Skein, because the vocabulary has Qwen2's control tokens, `none`
 * nowhere, `unknown` when the files at hand do not tell.
 */
export type ChatTemplateOrigin = "own" | "qwen2" | "none" | "unknown";

/** Names of what an inspection finds beyond scaling and end tokens; stable across versions. */
export type CheckpointDiagnosisCode =
  | "model_max_length_exceeds_window"
  | "model_max_length_below_window"
  | "generation_config_not_followed"
  | "sliding_window_limits_context"
  | "weights_do_not_fit"
  | "weights_are_not_read";

/** @see {@link Diagnosis} */
export type InspectionWarning = Diagnosis<
  ContextDiagnosisCode | PlaceDiagnosisCode | UseDiagnosisCode | EndTokenDiagnosisCode | CheckpointDiagnosisCode
>;
