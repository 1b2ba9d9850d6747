import type { ModelType } from "./config.ts";
import {
  type ConfigFields,
  fieldOf,
  invalidField,
  type NumberRule,
  optionalBoolean,
  optionalNumber,
} from "./config-fields.ts";
import { unsupported } from "./features.ts";

/** How far back layers see. */
export interface SlidingAttention {
  /** How many tokens a layer of sliding attention sees, its own included; null where no layer slides. */
  readonly sliding_window: number | null;
  /** What each layer does; there where some slide. */
  readonly layer_types?: readonly LayerType[];
}

/** What a layer sees: all tokens before its own, or the last `sliding_window`. */
export type LayerType = "full_attention" | "sliding_attention";

const countRule: NumberRule = { integer: true, minimum: 0, maximum: 2 ** 31 - 1 };
const windowRule: NumberRule = { ...countRule, minimum: 1 };

/**
 * Which layers slide, and over how many tokens, as in transformers. Qwen: off unless `use_sliding_window`; then the layers that `layer_types` names, else
 * those from `max_window_layers` on. Mistral: every layer, unless `sliding_window` is null. Llama: none.
 *
 * @param layers - number of layers
 * @throws InvalidConfigError, UnsupportedError naming the field
 */
export function readSlidingAttention(fields: ConfigFields, modelType: ModelType, layers: number): SlidingAttention {
  const named = readLayerTypes(fields, layers);
  const window = readWindow(fields, modelType);
  const types =
    modelType === "qwen2" || modelType === "qwen3"
      ? (named ?? qwenLayerTypes(fields, layers))
      : new Array<LayerType>(layers).fill(window === null ? "full_attention" : "sliding_attention");
  const odd = named?.find((type, layer) => (window === null ? type === "sliding_attention" : type !== types[layer]));
  if (odd !== undefined) throw unsupported("layer_types", odd, oddLayers[modelType]);
  if (window === null || !types.includes("sliding_attention")) return { sliding_window: null };
  return { sliding_window: window, layer_types: types };
}

/** @returns how many tokens a layer sees, its own included; undefined: all */
export function attentionWindow(config: SlidingAttention, layer: number): number | undefined {
  return config.layer_types?.[layer] === "sliding_attention" ? (config.sliding_window ?? undefined) : undefined;
}

/** What layers that are named otherwise would contradict. */
const oddLayers: Readonly<Record<ModelType, string>> = {
  qwen2: "only full_attention is, while use_sliding_window is not true or sliding_window is null",
  qwen3: "only full_attention is, while use_sliding_window is not true or sliding_window is null",
  llama: "only full_attention is, in this family",
  mistral: "in this family all layers are alike: sliding_attention, or full_attention where sliding_window is null",
};

function readWindow(fields: ConfigFields, modelType: ModelType): number | null {
  if (modelType === "llama") return null;
  if (modelType !== "mistral" && !optionalBoolean(fields, "use_sliding_window", false)) return null;
  if (fieldOf(fields, "sliding_window") === null) return null;
  return optionalNumber(fields, "sliding_window", windowRule, 4096);
}

function qwenLayerTypes(fields: ConfigFields, layers: number): readonly LayerType[] {
  const first = optionalNumber(fields, "max_window_layers", countRule, 28);
  return Array.from({ length: layers }, (_, layer) => (layer < first ? "full_attention" : "sliding_attention"));
}

function readLayerTypes(fields: ConfigFields, layers: number): readonly LayerType[] | undefined {
  const types = fieldOf(fields, "layer_types");
  if (types === undefined || types === null) return undefined;
  if (!Array.isArray(types) || types.length !== layers) {
    throw invalidField(fields, "layer_types", `must be a list of ${layers} entries, one for each layer`);
  }
  const other = types.find((type) => type !== "full_attention" && type !== "sliding_attention");
  if (other !== undefined) throw unsupported("layer_types", other, "only full_attention and sliding_attention are");
  return types;
}
