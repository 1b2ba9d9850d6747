import { UnsupportedError } from "../errors.ts";
import {
  type ConfigFields,
  fieldOf,
  formatValue,
  invalidField,
  optionalBoolean,
  optionalNumber,
  optionalObject,
  readFields,
  ropeBlock,
} from "./config-fields.ts";

/**
 * Refuses a configuration that asks for what the decoders do not compute. Ignoring it would give wrong text without a word.
 *
 * @throws UnsupportedError naming the field and its value.
 */
export function checkFeatures(fields: ConfigFields, modelType: "qwen2" | "qwen3"): void {
  const architecture = modelType === "qwen2" ? "Qwen2ForCausalLM" : "Qwen3ForCausalLM";
  const architectures = fieldOf(fields, "architectures");
  if (Array.isArray(architectures) && architectures.length > 0 && !architectures.includes(architecture)) {
    throw unsupported("architectures", architectures[0], `only ${architecture} is, for model_type ${modelType}`);
  }
  const quantization = optionalObject(fields, "quantization_config") ?? optionalObject(fields, "quantization");
  if (quantization !== undefined && quantization !== null) {
    const method = fieldOf(readFields(quantization, "quantization_config", ""), "quant_method") ?? quantization;
    throw unsupported("quantization_config", method, "use the checkpoint with F32, F16 or BF16 weights");
  }
  for (const [name, plain, advice] of PLAIN_VALUES) {
    const value = fieldOf(fields, name);
    if (value !== undefined && value !== null && !plain.includes(value)) throw unsupported(name, value, advice);
  }
  const block = ropeBlock(fields);
  const rotated = fieldOf(block, "partial_rotary_factor") ?? 1;
  if (rotated !== 1) throw unsupported(`${block.prefix}partial_rotary_factor`, rotated, WHOLE_HEADS);
}

const WHOLE_HEADS = "Qwen's attention rotates whole heads";

/** Field, the values under which the model is the plain one, what to know or do. Absent and null are plain too. */
const PLAIN_VALUES: readonly (readonly [string, readonly unknown[], string])[] = [
  ["hidden_act", ["silu"], "only silu is"],
  ["num_experts", [0], "mixtures of experts are not"],
  ["num_local_experts", [0], "mixtures of experts are not"],
  ["n_routed_experts", [0], "mixtures of experts are not"],
  ["attn_output_gate", [false], "gates on attention's output are not"],
  ["use_mrope", [false], "positions of images and video are not"],
  ["is_causal", [true], "only models that look back alone are"],
  ["use_bidirectional_attention", [false], "only models that look back alone are"],
  // transformers itself cannot run Qwen with part of a head rotated: its tables would not fit the heads.
  ["partial_rotary_factor", [1], WHOLE_HEADS],
  [
    "dual_chunk_attention_config",
    [],
    "remove it to run the model with plain attention, which is equal up to its chunk_size",
  ],
];

/**
 * The window of sliding attention, where layers use it without effect; null where none does.
 *
 * As in transformers: it is off unless `use_sliding_window`, and used by the layers that `layer_types` names, else by
 * those from `max_window_layers` on.
 *
 * @param layers - number of layers
 * @param maxPositions - `max_position_embeddings`, in tokens
 * @throws UnsupportedError when the window is shorter than the context that the configuration declares.
 */
export function readSlidingWindow(fields: ConfigFields, layers: number, maxPositions: number): number | null {
  const size = { integer: true, minimum: 0, maximum: 2 ** 31 - 1 } as const;
  const layerTypes = readLayerTypes(fields, layers);
  const sliding = layerTypes?.includes("sliding_attention");
  if (!optionalBoolean(fields, "use_sliding_window", false)) {
    if (sliding) throw unsupported("layer_types", "sliding_attention", "only full_attention is");
    return null;
  }
  const isNull = fieldOf(fields, "sliding_window") === null;
  const window = isNull ? null : optionalNumber(fields, "sliding_window", { ...size, minimum: 1 }, 4096);
  const firstSliding = optionalNumber(fields, "max_window_layers", size, 28);
  if (window === null || !(sliding ?? firstSliding < layers)) return null;
  if (window >= Math.max(maxPositions, declaredContext(fields, maxPositions))) return window;
  throw unsupported("sliding_window", window, "attention that sees only a window of tokens is not");
}

function readLayerTypes(fields: ConfigFields, layers: number): readonly unknown[] | undefined {
  const types = fieldOf(fields, "layer_types");
  if (types === undefined || types === null) return undefined;
  if (!Array.isArray(types) || types.length !== layers) {
    throw invalidField(fields, "layer_types", `must be a list of ${layers} entries, one for each layer`);
  }
  const other = types.find((type) => type !== "full_attention" && type !== "sliding_attention");
  if (other !== undefined) throw unsupported("layer_types", other, "only full_attention is");
  return types;
}

/** The context that a block of scaling stretches to, in tokens; src/position validates the block itself. */
function declaredContext(fields: ConfigFields, maxPositions: number): number {
  const block = ropeBlock(fields);
  const factor = fieldOf(block, "factor");
  const original = fieldOf(block, "original_max_position_embeddings");
  return (typeof factor === "number" ? factor : 1) * (typeof original === "number" ? original : maxPositions);
}

function unsupported(field: string, value: unknown, advice: string): UnsupportedError {
  return new UnsupportedError(`${field} ${formatValue(value)} is not supported: ${advice}`);
}
