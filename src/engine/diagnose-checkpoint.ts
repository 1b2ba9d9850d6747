import { checkTensors, type TensorIndex } from "../checkpoint/tensors.ts";
import type { Diagnosis } from "../context/diagnosis.ts";
import type { ContextSettings } from "../context/settings.ts";
import { SkeinError } from "../errors.ts";
import { expectedTensors, type ModelConfig, optionalTensors } from "../model/config.ts";
import type { CheckpointDiagnosisCode, YarnInspection } from "./inspection.ts";

/** What the diagnoses of a checkpoint look at. */
export interface CheckpointFacts {
  readonly config: ModelConfig;
  readonly context: ContextSettings;
  readonly yarn: YarnInspection | null;
  /** Fields of `generation_config.json` that are not followed. */
  readonly notFollowed: readonly string[];
  /** `model_max_length` of `tokenizer_config.json`. */
  readonly tokenizerMaxLength: number | null;
  readonly tensors: TensorIndex | undefined;
  /** Why the weights that there are cannot be read. */
  readonly refusal?: string | undefined;
}

type Found = Diagnosis<CheckpointDiagnosisCode> | undefined;

/** What is odd about a checkpoint beyond its scaling and its end tokens. */
export function diagnoseCheckpoint(facts: CheckpointFacts): readonly Diagnosis<CheckpointDiagnosisCode>[] {
  return [
    diagnoseTokenizerLength(facts),
    diagnoseGenerationConfig(facts),
    diagnoseSlidingWindow(facts),
    diagnoseTensors(facts),
    diagnoseRefusal(facts),
  ].filter((diagnosis) => diagnosis !== undefined);
}

/** Qwen publishes its Instruct models with this length and these native windows: what YaRN, which they are meant to have, reaches. */
const publishedLength = 131072;
const publishedWindows = [32768, 40960];

function diagnoseTokenizerLength({ context, yarn, tokenizerMaxLength: length }: CheckpointFacts): Found {
  const { nativeWindow, extendedWindow } = context;
  if (length === null || length === nativeWindow || length === extendedWindow) return undefined;
  if (length === publishedLength && publishedWindows.includes(nativeWindow)) return undefined;
  const values = { length, nativeWindow };
  if (length < nativeWindow) {
    return {
      code: "model_max_length_below_window",
      level: "note",
      message: `model_max_length in tokenizer_config.json is ${length}, the native window ${nativeWindow}: tools that cut texts there lose what would fit. Skein does not read it`,
      fix: `set "model_max_length": ${nativeWindow} in tokenizer_config.json`,
      values,
    };
  }
  // Checkpoints that are meant to be extended often give the extended window here: no mistake, but no promise either.
  const isReachable = length <= Math.max(extendedWindow, ...(yarn?.factors ?? []).map((step) => step.extendedWindow));
  return {
    code: "model_max_length_exceeds_window",
    level: isReachable ? "note" : "warning",
    message:
      `model_max_length in tokenizer_config.json is ${length}, more than the native window ${nativeWindow}` +
      `${isReachable ? "; only an extended window reaches it" : " and more than YaRN reaches"}. Skein does not read it, other tools take it for the window`,
    fix: `set "model_max_length": ${nativeWindow} in tokenizer_config.json, unless every tool that reads it extends the window`,
    values: { ...values, isReachable },
  };
}

function diagnoseGenerationConfig({ notFollowed }: CheckpointFacts): Found {
  if (notFollowed.length === 0) return undefined;
  const fields = notFollowed.join(", ");
  return {
    code: "generation_config_not_followed",
    level: "warning",
    message: `generation_config.json asks for what Skein does not do: ${fields}`,
    fix: `expect other texts than with transformers, or remove ${fields}`,
    values: { fields },
  };
}

function diagnoseSlidingWindow({ config, context, yarn }: CheckpointFacts): Found {
  const { sliding_window: sliding, layer_types: types = [] } = config;
  if (sliding === null) return undefined;
  const longest = Math.max(context.extendedWindow, ...(yarn?.factors ?? []).map((step) => step.extendedWindow));
  if (longest <= sliding) return undefined;
  const layers = types.filter((type) => type === "sliding_attention").length;
  const family = config.model_type;
  return {
    code: "sliding_window_limits_context",
    level: "note",
    message: `${layers} of ${types.length} layers see the last ${sliding} tokens (sliding_window), as the model was trained: what is further back reaches an answer less directly, at any window`,
    fix: `leave it; only if the model was trained without it, set ${family === "mistral" ? '"sliding_window": null' : '"use_sliding_window": false'}`,
    values: { sliding, layers, allLayers: types.length, family },
  };
}

function diagnoseTensors({ config, tensors }: CheckpointFacts): Found {
  if (tensors === undefined) return undefined;
  try {
    checkTensors(tensors, expectedTensors(config), { optional: optionalTensors(config) });
    return undefined;
  } catch (error) {
    if (!(error instanceof SkeinError)) throw error;
    return {
      code: "weights_do_not_fit",
      level: "warning",
      message: error.message,
      fix: "use the config.json that was published with these weights; as it is, the model cannot be loaded",
      values: {},
    };
  }
}

function diagnoseRefusal({ refusal }: CheckpointFacts): Found {
  if (refusal === undefined) return undefined;
  return {
    code: "weights_are_not_read",
    level: "warning",
    message: refusal,
    fix: "get the weights in safetensors or GGUF files; as it is, the model cannot be loaded",
    values: {},
  };
}
