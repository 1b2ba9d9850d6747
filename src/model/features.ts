import { UnsupportedError } from "../errors.ts";
import type { ModelType } from "./config.ts";
import { type ConfigFields, fieldOf, formatValue, optionalObject, readFields, ropeBlock } from "./config-fields.ts";

/**
 * Refuses a configuration that asks for what the decoders do not compute. Ignoring it would give wrong text without a word.
 *
 * @throws UnsupportedError naming the field and its value.
 */
export function checkFeatures(fields: ConfigFields, modelType: ModelType): void {
  const architecture = architectureNames[modelType];
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

const architectureNames: Readonly<Record<ModelType, string>> = {
  qwen2: "Qwen2ForCausalLM",
  qwen3: "Qwen3ForCausalLM",
  llama: "LlamaForCausalLM",
  mistral: "MistralForCausalLM",
};

const WHOLE_HEADS = "attention rotates whole heads in these families";

/** Field, the values under which the model is the plain one, what to know or do. Absent and null are plain too. */
const PLAIN_VALUES: readonly (readonly [string, readonly unknown[], string])[] = [
  ["hidden_act", ["silu", "swish"], "only silu is"],
  ["num_experts", [0], "mixtures of experts are not"],
  ["num_local_experts", [0], "mixtures of experts are not"],
  ["n_routed_experts", [0], "mixtures of experts are not"],
  ["attn_output_gate", [false], "gates on attention's output are not"],
  ["use_mrope", [false], "positions of images and video are not"],
  ["is_causal", [true], "only models that look back alone are"],
  ["use_bidirectional_attention", [false], "only models that look back alone are"],
  // transformers 4 cannot run these families with part of a head rotated, since its tables would not fit the heads; 5 rotates whole ones without a scaling.
  ["partial_rotary_factor", [1], WHOLE_HEADS],
  [
    "dual_chunk_attention_config",
    [],
    "remove it to run the model with plain attention, which is equal up to its chunk_size",
  ],
];

/** The error for what the decoders do not compute. */
export function unsupported(field: string, value: unknown, advice: string): UnsupportedError {
  return new UnsupportedError(`${field} ${formatValue(value)} is not supported: ${advice}`);
}
