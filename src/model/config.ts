import { InvalidConfigError, UnsupportedError } from "../errors.ts";
import {
  type ConfigFields,
  fieldOf,
  formatValue,
  invalidField,
  optionalBoolean,
  optionalNumber,
  optionalObject,
  optionalTokens,
  readFields,
  requiredNumber,
  ropeBlock,
} from "./config-fields.ts";
import { checkFeatures } from "./features.ts";
import { readSlidingAttention, type SlidingAttention } from "./sliding-window.ts";

/** What all supported families' configurations have. Names as in Hugging Face's `config.json`; defaults are filled in. */
export interface DecoderConfig extends SlidingAttention {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  /** Width of one head. */
  readonly head_dim: number;
  readonly rms_norm_eps: number;
  readonly tie_word_embeddings: boolean;
  /** Tokens. */
  readonly max_position_embeddings: number;
  /** The base of the rotary frequencies, also where the file has it inside `rope_parameters`. */
  readonly rope_theta: number;
  /** As given; src/position validates and follows it. */
  readonly rope_scaling?: object | null;
  /** As given: the newer name of `rope_scaling`. */
  readonly rope_parameters?: object | null;
  readonly original_max_position_embeddings?: number;
  readonly bos_token_id: number | null;
  readonly eos_token_id: number | readonly number[] | null;
  /** The type that the weights were saved in, e.g. `bfloat16`, where the file tells it. */
  readonly dtype: string | null;
}

/** Qwen2 and Qwen2.5: biases on queries, keys and values. */
export interface Qwen2Config extends DecoderConfig {
  readonly model_type: "qwen2";
}

/** Qwen3, dense: norms on queries and keys. */
export interface Qwen3Config extends DecoderConfig {
  readonly model_type: "qwen3";
  /** Whether the four projections of attention have biases. */
  readonly attention_bias: boolean;
}

/** Llama 2 and 3, and what shares their architecture: no biases unless the file asks for them. */
export interface LlamaConfig extends DecoderConfig {
  readonly model_type: "llama";
  /** Whether the four projections of attention have biases. */
  readonly attention_bias: boolean;
  /** Whether the three projections after attention have biases. */
  readonly mlp_bias: boolean;
}

/** Mistral: no biases; sliding attention in every layer where `sliding_window` is a number. */
export interface MistralConfig extends DecoderConfig {
  readonly model_type: "mistral";
}

/** The configuration of a supported model. */
export type ModelConfig = Qwen2Config | Qwen3Config | LlamaConfig | MistralConfig;

/** The families that there are decoders for, as `model_type` names them. */
export type ModelType = ModelConfig["model_type"];

/** What transformers takes where a family's file does not say it. */
interface FamilyDefaults {
  readonly maxPositions: number;
  /** null: as many as there are heads. */
  readonly keyValueHeads: number | null;
  /** null: hidden size by heads. */
  readonly headDim: number | null;
  readonly beginToken: number | null;
  readonly endToken: number | null;
}

/** @see transformers `configuration_qwen2.py`, `configuration_qwen3.py`, `configuration_llama.py`, `configuration_mistral.py` */
const familyDefaults: Readonly<Record<ModelType, FamilyDefaults>> = {
  qwen2: { maxPositions: 32768, keyValueHeads: 32, headDim: null, beginToken: null, endToken: null },
  qwen3: { maxPositions: 32768, keyValueHeads: 32, headDim: 128, beginToken: null, endToken: null },
  llama: { maxPositions: 2048, keyValueHeads: null, headDim: null, beginToken: 1, endToken: 2 },
  mistral: { maxPositions: 131072, keyValueHeads: 8, headDim: null, beginToken: 1, endToken: 2 },
};

/** The largest size of a tensor's dimension: far above any model, and low enough that products stay exact. */
const LARGEST_SIZE: number = 2 ** 31 - 1;

/** More layers than any model has; a file that claims millions must not make Skein list their tensors. */
const MOST_LAYERS = 4096;

const SIZE = { integer: true, minimum: 1, maximum: LARGEST_SIZE } as const;

/**
 * Validates a `config.json`. Absent fields get the defaults of transformers' class of the family, except the sizes of the model, which must be there: a
 * guess would be wrong.
 *
 * @throws InvalidConfigError naming the field that is missing or cannot be.
 * @throws UnsupportedError naming the feature that the model needs and Skein does not have.
 * @example
 * ```ts
 * const config = parseModelConfig(JSON.parse(await readFile("config.json", "utf8")));
 * config.max_position_embeddings; // 131072
 * ```
 */
export function parseModelConfig(json: unknown): ModelConfig {
  const fields = readFields(json, "config.json", "");
  const modelType = readModelType(fields);
  const defaults = familyDefaults[modelType];
  checkFeatures(fields, modelType);
  const num_hidden_layers = requiredNumber(fields, "num_hidden_layers", { ...SIZE, maximum: MOST_LAYERS });
  const num_attention_heads = requiredNumber(fields, "num_attention_heads", SIZE);
  const hidden_size = requiredNumber(fields, "hidden_size", SIZE);
  const vocab_size = requiredNumber(fields, "vocab_size", SIZE);
  const config: DecoderConfig = {
    vocab_size,
    hidden_size,
    intermediate_size: requiredNumber(fields, "intermediate_size", SIZE),
    num_hidden_layers,
    num_attention_heads,
    num_key_value_heads: readKeyValueHeads(fields, num_attention_heads, defaults.keyValueHeads),
    head_dim: readHeadDim(fields, hidden_size, num_attention_heads, defaults.headDim),
    rms_norm_eps: optionalNumber(fields, "rms_norm_eps", { above: 0, maximum: 1 }, 1e-6),
    tie_word_embeddings: optionalBoolean(fields, "tie_word_embeddings", false),
    max_position_embeddings: optionalNumber(fields, "max_position_embeddings", SIZE, defaults.maxPositions),
    ...readRotaryFields(fields),
    ...readSlidingAttention(fields, modelType, num_hidden_layers),
    bos_token_id: readBeginToken(fields, defaults.beginToken),
    eos_token_id: readEndTokens(fields, vocab_size, defaults.endToken),
    dtype: readDtype(fields),
  };
  const flag = (name: string): boolean => optionalBoolean(fields, name, false);
  switch (modelType) {
    case "qwen2":
    case "mistral":
      return { model_type: modelType, ...config };
    case "qwen3":
      return { model_type: modelType, ...config, attention_bias: flag("attention_bias") };
    case "llama":
      return { model_type: modelType, ...config, attention_bias: flag("attention_bias"), mlp_bias: flag("mlp_bias") };
  }
}

/**
 * The tensors that the model needs, with their shapes, by their names in the checkpoint. The weight of a projection is
 * [outputs, inputs].
 */
export function expectedTensors(config: ModelConfig): Map<string, readonly number[]> {
  const { vocab_size, hidden_size, intermediate_size, head_dim } = config;
  const queries = config.num_attention_heads * head_dim;
  const keys = config.num_key_value_heads * head_dim;
  const tensors = new Map<string, readonly number[]>();
  tensors.set("model.embed_tokens.weight", [vocab_size, hidden_size]);
  for (let layer = 0; layer < config.num_hidden_layers; layer += 1) {
    const prefix = `model.layers.${layer}`;
    const set = (name: string, ...shape: readonly number[]) => tensors.set(`${prefix}.${name}`, shape);
    set("input_layernorm.weight", hidden_size);
    set("self_attn.q_proj.weight", queries, hidden_size);
    set("self_attn.k_proj.weight", keys, hidden_size);
    set("self_attn.v_proj.weight", keys, hidden_size);
    set("self_attn.o_proj.weight", hidden_size, queries);
    const hasBiases = "attention_bias" in config && config.attention_bias;
    if (config.model_type === "qwen2" || hasBiases) {
      set("self_attn.q_proj.bias", queries);
      set("self_attn.k_proj.bias", keys);
      set("self_attn.v_proj.bias", keys);
    }
    if (hasBiases) set("self_attn.o_proj.bias", hidden_size);
    if (config.model_type === "qwen3") {
      set("self_attn.q_norm.weight", head_dim);
      set("self_attn.k_norm.weight", head_dim);
    }
    set("post_attention_layernorm.weight", hidden_size);
    set("mlp.gate_proj.weight", intermediate_size, hidden_size);
    set("mlp.up_proj.weight", intermediate_size, hidden_size);
    set("mlp.down_proj.weight", hidden_size, intermediate_size);
    if (config.model_type === "llama" && config.mlp_bias) {
      set("mlp.gate_proj.bias", intermediate_size);
      set("mlp.up_proj.bias", intermediate_size);
      set("mlp.down_proj.bias", hidden_size);
    }
  }
  tensors.set("model.norm.weight", [hidden_size]);
  if (!config.tie_word_embeddings) tensors.set("lm_head.weight", [vocab_size, hidden_size]);
  return tensors;
}

/** Patterns of tensors that a checkpoint may hold beside {@link expectedTensors}; they are not read. */
export function optionalTensors(config: ModelConfig): readonly RegExp[] {
  // Old checkpoints hold the rotary frequencies, which are computed; some with tied embeddings hold both copies.
  const frequencies = /^model\.(layers\.\d+\.self_attn\.)?rotary_emb\.inv_freq$/;
  return config.tie_word_embeddings ? [frequencies, /^lm_head\.weight$/] : [frequencies];
}

/** Mixtures of experts whose names do not say so. */
const mixtures: ReadonlySet<string> = new Set([
  ..."mixtral dbrx deepseek_v2 deepseek_v3 gpt_oss llama4 llama4_text jamba granitemoehybrid".split(" "),
]);

function readModelType(fields: ConfigFields): ModelType {
  const modelType = fieldOf(fields, "model_type");
  if (typeof modelType !== "string") {
    throw new InvalidConfigError("model_type", "is missing; is this the config.json of a Hugging Face checkpoint?");
  }
  if (Object.hasOwn(familyDefaults, modelType)) return modelType as ModelType;
  const reason =
    /moe(_|$)/.test(modelType) || mixtures.has(modelType)
      ? " (a mixture of experts)"
      : /(_vl|audio|omni|mllama)/.test(modelType)
        ? " (a model that sees or hears)"
        : "";
  throw new UnsupportedError(
    `model_type ${formatValue(modelType)}${reason} is not supported; qwen2 (Qwen2, Qwen2.5), qwen3 (Qwen3, dense), llama (Llama 2, Llama 3) and mistral are`,
  );
}

function readKeyValueHeads(fields: ConfigFields, heads: number, whenAbsent: number | null): number {
  // As in transformers: null means as many as there are heads, absence what the family's class says.
  const absent = fieldOf(fields, "num_key_value_heads") === undefined;
  const keyValueHeads = optionalNumber(fields, "num_key_value_heads", SIZE, (absent ? whenAbsent : null) ?? heads);
  if (heads % keyValueHeads === 0) return keyValueHeads;
  const origin = absent ? " (the default, as it is absent)" : "";
  throw invalidField(
    fields,
    "num_key_value_heads",
    `${keyValueHeads}${origin} does not divide num_attention_heads, ${heads}`,
  );
}

function readHeadDim(fields: ConfigFields, hiddenSize: number, heads: number, whenAbsent: number | null): number {
  const headDim = optionalNumber(fields, "head_dim", SIZE, whenAbsent ?? hiddenSize / heads);
  if (!Number.isInteger(headDim)) {
    throw invalidField(fields, "num_attention_heads", `${heads} does not divide hidden_size, ${hiddenSize}`);
  }
  if (heads * headDim > LARGEST_SIZE) {
    throw invalidField(fields, "head_dim", `${headDim} times ${heads} heads is more than ${LARGEST_SIZE}`);
  }
  return headDim;
}

function readRotaryFields(
  fields: ConfigFields,
): Pick<DecoderConfig, "rope_theta" | "rope_scaling" | "rope_parameters" | "original_max_position_embeddings"> {
  const rope_scaling = optionalObject(fields, "rope_scaling");
  const rope_parameters = optionalObject(fields, "rope_parameters");
  const original = optionalNumber(fields, "original_max_position_embeddings", SIZE, undefined);
  const base = optionalNumber(fields, "rope_theta", { above: 0 }, 10000);
  // transformers 5 moves the base into the block, where it wins. A bad one there is left to src/position to refuse.
  const inBlock = fieldOf(ropeBlock(fields), "rope_theta");
  return {
    rope_theta: typeof inBlock === "number" && inBlock > 0 && inBlock < Infinity ? inBlock : base,
    ...(rope_scaling === undefined ? {} : { rope_scaling }),
    ...(rope_parameters === undefined ? {} : { rope_parameters }),
    ...(original === undefined ? {} : { original_max_position_embeddings: original }),
  };
}

function readBeginToken(fields: ConfigFields, whenAbsent: number | null): number | null {
  const isAbsent = fieldOf(fields, "bos_token_id") === undefined;
  const rule = { integer: true, minimum: 0, maximum: LARGEST_SIZE } as const;
  return optionalNumber(fields, "bos_token_id", rule, isAbsent ? whenAbsent : null);
}

function readEndTokens(fields: ConfigFields, vocabularySize: number, whenAbsent: number | null) {
  if (fieldOf(fields, "eos_token_id") === undefined) return whenAbsent;
  return optionalTokens(fields, "eos_token_id", vocabularySize);
}

function readDtype(fields: ConfigFields): string | null {
  // transformers 5 writes dtype, earlier versions torch_dtype.
  const dtype = fieldOf(fields, "dtype") ?? fieldOf(fields, "torch_dtype") ?? null;
  if (dtype === null || typeof dtype === "string") return dtype;
  throw invalidField(fields, "torch_dtype", `must be text, not ${formatValue(dtype)}`);
}
