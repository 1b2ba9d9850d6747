import type { Diagnosis } from "../context/diagnosis.ts";
import type { ContextSettings } from "../context/settings.ts";
import type { ModelConfig } from "../model/config.ts";
import type { ModelFormat, YarnInspection } from "./inspection.ts";

/** Names of what is odd about a scaling, or its absence, for what the model is used for; stable across versions. */
export type UseDiagnosisCode = "static_scaling_for_short_work" | "gguf_context_without_scaling";

/** What these diagnoses look at. */
export interface UseFacts {
  readonly format: ModelFormat;
  readonly config: ModelConfig;
  readonly context: ContextSettings;
  readonly yarn: YarnInspection | null;
  /** `model_max_length` of `tokenizer_config.json`. */
  readonly tokenizerMaxLength: number | null;
  /** The length that the user asks about, in tokens. */
  readonly length: number | undefined;
}

type Found = Diagnosis<UseDiagnosisCode> | undefined;

/** A scaling that is not needed for the work at hand, and a long window without the scaling that it needs. */
export function diagnoseUse(facts: UseFacts): readonly Diagnosis<UseDiagnosisCode>[] {
  return [diagnoseShortWork(facts), diagnoseGgufContext(facts)].filter((diagnosis) => diagnosis !== undefined);
}

function diagnoseShortWork({ format, context, yarn, tokenizerMaxLength, length }: UseFacts): Found {
  const { nativeWindow, maximumFactor: factor } = context;
  const work = length ?? tokenizerMaxLength;
  if (context.method !== "yarn" || yarn === null || work === null || work > nativeWindow || factor <= 1)
    return undefined;
  const { kept, blended, interpolated } = yarn.pairs;
  const scaling = yarn.factors.find((step) => step.factor === factor)?.attentionScaling ?? 1;
  const values = {
    work,
    nativeWindow,
    factor,
    isAsked: length !== undefined,
    isGguf: format === "gguf",
    slowed: blended + interpolated,
    pairs: kept + blended + interpolated,
    scores: Number((100 * (scaling ** 2 - 1)).toFixed(1)),
  };
  return {
    code: "static_scaling_for_short_work",
    level: "note",
    message:
      `yarn of factor ${factor} is declared, but ${values.isAsked ? `${work} tokens fit` : `model_max_length ${work} in tokenizer_config.json keeps texts`} within the native window (${nativeWindow}). ` +
      `Skein does not scale there; transformers, vLLM, SGLang and llama.cpp scale at every length, which slows ${values.slowed} of ${values.pairs} pairs of a head and raises attention scores by ${values.scores} %`,
    fix: `${values.isGguf ? "use a file without the rope.scaling keys" : "remove the yarn block"} where those engines serve up to ${nativeWindow} tokens, and keep it for longer input`,
    values,
  };
}

/** Native windows of tuned models. */
const qwenWindows: ReadonlyMap<string, number> = new Map([
  ["qwen2", 32768],
  ["qwen3", 40960],
]);
/** The base with which Qwen2, Qwen2.5 and Qwen3 have their native windows; models of longer windows have a larger one. */
const shortTheta = 1e6;
/** `<|im_end|>`: models that were tuned have it as end token. Base models of Qwen2 and 2.5 take 131072 tokens as they are. */
const endOfTurn = 151645;

function diagnoseGgufContext({ format, config, context }: UseFacts): Found {
  const nativeWindow = qwenWindows.get(config.model_type);
  if (nativeWindow === undefined) return undefined;
  const isShort = config.rope_theta === shortTheta && [config.eos_token_id].flat().includes(endOfTurn);
  if (format !== "gguf" || context.declared !== "default" || !isShort || context.nativeWindow <= nativeWindow)
    return undefined;
  const window = config.max_position_embeddings;
  const architecture = config.model_type;
  const factor = Math.ceil((window / 32768) * 100) / 100;
  return {
    code: "gguf_context_without_scaling",
    level: "warning",
    message: `${architecture}.context_length is ${window}, but the file has no ${architecture}.rope.scaling keys: past ${nativeWindow} tokens a tuned ${architecture} model meets positions that it never saw, unscaled, unless it was tuned at that length`,
    fix: `set ${architecture}.rope.scaling.type yarn, ${architecture}.rope.scaling.factor ${factor} and ${architecture}.rope.scaling.original_context_length 32768, or the option nativeWindow: ${nativeWindow}`,
    values: { architecture, window, nativeWindow, factor },
  };
}
