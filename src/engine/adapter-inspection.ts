import type { Diagnosis } from "../context/diagnosis.ts";
import type { ContextSettings } from "../context/settings.ts";
import type { TuningWarning } from "../context/tuning.ts";

/** What can be said about an adapter without its base and without reading its matrices: plain data. */
export interface AdapterInspection {
  /** The source as it was given. */
  readonly source: string;
  /** `base_model_name_or_path`, which nothing checks; null where its configuration does not say. */
  readonly baseModel: string | null;
  /** `peft_type`: only `LORA` can be loaded. */
  readonly type: string;
  /** What the configuration says of every module; null where it is of another kind. */
  readonly rule: AdapterRule | null;
  /** What the file has matrices for; empty where it cannot be read. */
  readonly modules: readonly AdaptedModules[];
  /** What the header of its file says; null where it cannot be read. */
  readonly weights: AdapterWeights | null;
  /** At which length it was tuned, as options or its `skein.json` say. */
  readonly tuning: AdapterTuningInspection;
  /** What keeps it from being loaded. */
  readonly warnings: readonly AdapterWarning[];
}

/** How an adapter changes the modules that it targets: W becomes W + scale · B · A. */
export interface AdapterRule {
  /** `r`. `rank_pattern` may give modules another one. */
  readonly rank: number;
  /** `lora_alpha`. `alpha_pattern` may give modules another one. */
  readonly alpha: number;
  /** `use_rslora`: the scale is alpha / √rank, not alpha / rank. */
  readonly isRankStabilised: boolean;
  readonly scale: number;
  /** `target_modules`: names that modules end with, a pattern of whole names, or `all-linear`. */
  readonly targets: readonly string[] | string;
}

/** Modules of one name in some layers. */
export interface AdaptedModules {
  /** Without the layer: `self_attn.q_proj`, `lm_head`. */
  readonly name: string;
  /** Ascending; empty for a module outside of layers. */
  readonly layers: readonly number[];
  /** Those that occur, ascending. */
  readonly ranks: readonly number[];
  /** Those that occur, ascending. */
  readonly scales: readonly number[];
}

/** The matrices of an adapter. */
export interface AdapterWeights {
  readonly parameters: number;
  readonly bytes: number;
  /** Type (`BF16`, ...) to the numbers of that type. */
  readonly types: Readonly<Record<string, number>>;
}

/** At which length an adapter was tuned; null where nothing says it. */
export interface AdapterTuningInspection {
  /** Tokens. */
  readonly window: number | null;
  /** Of YaRN, over the base's original window. */
  readonly factor: number | null;
}

/** An adapter beside the model that is inspected. */
export interface AdapterPlan extends AdapterInspection {
  /** As the caller named it. */
  readonly name: string;
  /** Whether it can be loaded beside this model; `warnings` say why not. */
  readonly fits: boolean;
  /** The windows of its sequences with no other option set; null where it does not fit. */
  readonly context: ContextSettings | null;
  /** The same with the option that enables YaRN (`yarn.option` of the model); null where it does not fit, or the model has YaRN already or cannot have it. */
  readonly contextWithYarn: ContextSettings | null;
}

/** Names of what an inspection finds in an adapter; stable across versions. */
export type AdapterDiagnosisCode =
  | "adapter_not_supported"
  | "adapter_pattern_not_supported"
  | "adapter_weights_are_not_read"
  | "adapter_weights_do_not_fit"
  | "adapter_does_not_fit_base"
  | "adapter_factor_not_possible"
  | TuningWarning["code"];

/** @see {@link Diagnosis} */
export type AdapterWarning = Diagnosis<AdapterDiagnosisCode>;
