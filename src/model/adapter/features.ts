import { InvalidConfigError } from "../../errors.ts";
import { type ConfigFields, fieldOf, formatValue, invalidField } from "../config-fields.ts";

/** A field of an adapter's configuration that asks for what Skein does not have. */
export interface UnsupportedField {
  readonly field: string;
  readonly message: string;
}

/**
 * What makes an adapter more, or something else, than low-rank matrices beside the base's own. Ignoring it would give wrong text without a word.
 *
 * @throws InvalidConfigError where this is no adapter's configuration
 */
export function* findUnsupported(fields: ConfigFields): Generator<UnsupportedField, void, void> {
  const type = fieldOf(fields, "peft_type");
  if (typeof type !== "string")
    throw new InvalidConfigError(
      `${fields.prefix}peft_type`,
      "is missing; is this the adapter_config.json of a PEFT adapter?",
    );
  // What another kind's fields mean is not known.
  if (type !== "LORA") return yield unsupported(fields, "peft_type", type, "only LORA is");
  yield* findModulesToSave(fields);
  for (const [name, advice] of FEATURES) {
    const value = fieldOf(fields, name);
    if (!isOff(value)) yield unsupported(fields, name, value, advice);
  }
  const bias = fieldOf(fields, "bias") ?? "none";
  if (bias !== "none")
    yield unsupported(fields, "bias", bias, "adapters that change biases are not; train with bias none");
  const task = fieldOf(fields, "task_type") ?? "CAUSAL_LM";
  if (task !== "CAUSAL_LM") yield unsupported(fields, "task_type", task, "only CAUSAL_LM is, which continues text");
  const initial = fieldOf(fields, "init_lora_weights");
  if (typeof initial === "string" && /^(pissa|olora|corda|loftq|lora_ga)/i.test(initial))
    yield unsupported(
      fields,
      "init_lora_weights",
      initial,
      "its beginning took a part out of the base's weights; save it converted (path_initial_model_for_weight_conversion)",
    );
}

/** Field, and what to know or do. */
const FEATURES: readonly (readonly [string, string])[] = [
  ["use_dora", "DoRA scales the base's weights too; only plain LoRA is"],
  ["lora_bias", "adapters with biases are not"],
  ["use_qalora", "QALoRA is not"],
  ["use_bdlora", "BD-LoRA is not"],
  ["alora_invocation_tokens", "adapters that begin at a token of the text are not"],
  ["kasa_config", "KaSA takes a part out of the base's weights; only plain LoRA is"],
  ["monteclora_config", "MonteCLoRA is not"],
  ["velora_config", "VeLoRA is not"],
  ["arrow_config", "adapters that are mixed token by token are not"],
  ["layer_replication", "a base with repeated layers is not"],
  ["target_parameters", "only target_modules are"],
  ["trainable_token_indices", "new embeddings of tokens are not"],
  ["megatron_config", "only adapters of Hugging Face models are"],
];

function* findModulesToSave(fields: ConfigFields): Generator<UnsupportedField, void, void> {
  const modules = fieldOf(fields, "modules_to_save");
  if (isOff(modules)) return;
  if (!Array.isArray(modules))
    throw invalidField(fields, "modules_to_save", `must be a list, not ${formatValue(modules)}`);
  const shown = modules.slice(0, 5).map(formatValue).join(", ");
  yield {
    field: "modules_to_save",
    message: `${fields.prefix}modules_to_save ${shown} is not supported: whole modules of the adapter's own would replace the base's; merge it into the base with PEFT, or train without them`,
  };
}

function isOff(value: unknown): boolean {
  return value === undefined || value === null || value === false || (Array.isArray(value) && value.length === 0);
}

function unsupported({ prefix }: ConfigFields, field: string, value: unknown, advice: string): UnsupportedField {
  return { field, message: `${prefix}${field} ${formatValue(value)} is not supported: ${advice}` };
}
