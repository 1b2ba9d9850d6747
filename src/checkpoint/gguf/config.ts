import { InvalidConfigError, UnsupportedError } from "../../errors.ts";
import { yarnAttentionScaling } from "../../position/yarn.ts";
import type { GgufHeader, GgufValue } from "./header.ts";
import { ropeFactorsName, scalingOfFactors } from "./rope-factors.ts";
import { specialTokenOf } from "./special-tokens.ts";

/** Reads the metadata of one architecture: `qwen2.block_count` and the like. */
class Metadata {
  readonly architecture: string;
  readonly #values: ReadonlyMap<string, GgufValue>;

  /** @throws InvalidConfigError when the file does not say what it is */
  constructor(values: ReadonlyMap<string, GgufValue>) {
    this.#values = values;
    this.architecture = this.text("general.architecture") ?? this.#missing("general.architecture");
  }

  /** @throws InvalidConfigError when it is missing, or no number */
  number(key: string): number {
    return this.optionalNumber(key) ?? this.#missing(this.#full(key));
  }

  /** @throws InvalidConfigError when it is no number */
  optionalNumber(key: string): number | undefined {
    const value = this.#values.get(this.#full(key));
    if (value === undefined) return undefined;
    if (typeof value === "number") return Number.isInteger(value) ? value : asWritten(value);
    throw new InvalidConfigError(this.#full(key), `must be a number, not ${typeof value}`);
  }

  /** @throws InvalidConfigError when it is no text */
  text(key: string): string | undefined {
    const value = this.#values.get(key);
    if (value === undefined || typeof value === "string") return value;
    throw new InvalidConfigError(key, `must be a text, not ${typeof value}`);
  }

  /** Keys that begin with a dot are the architecture's. */
  #full(key: string): string {
    return key.startsWith(".") ? `${this.architecture}${key}` : key;
  }

  #missing(key: string): never {
    throw new InvalidConfigError(key, "is missing in the GGUF file");
  }
}

/** A float32 as people write it: the shortest decimal that it is nearest to, 1e-6 and not 9.999999974752427e-7. */
function asWritten(number: number): number {
  for (let digits = 1; digits <= 9; digits++) {
    const decimal = Number(number.toPrecision(digits));
    if (Math.fround(decimal) === number) return decimal;
  }
  return number; // a float64
}

/**
 * The same configuration as the `config.json` that the file was made from: names as in Hugging Face.
 *
 * @param ropeFactors - of the file's `rope_freqs.weight`
 * @throws InvalidConfigError naming the key of the metadata that is missing or cannot be; UnsupportedError for a scaling that Skein does not have
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export function configOfGguf(
  { metadata, tensors }: GgufHeader,
  ropeFactors?: Float32Array,
): Readonly<Record<string, unknown>> {
  const values = new Metadata(metadata);
  const shapes = new Map(tensors.map(({ name, shape }) => [name, shape] as const));
  const embedding = shapes.get("token_embd.weight");
  if (embedding?.length !== 2)
    throw new InvalidConfigError("token_embd.weight", "is no matrix in the GGUF file, or missing");
  const heads = values.number(".attention.head_count");
  const head_dim = values.optionalNumber(".attention.key_length") ?? values.number(".embedding_length") / heads;
  const max_position_embeddings = values.number(".context_length");
  const rope_theta = values.optionalNumber(".rope.freq_base") ?? 10000;
  return {
    ...familyOf(values, head_dim),
    vocab_size: embedding[0],
    hidden_size: values.number(".embedding_length"),
    intermediate_size: values.number(".feed_forward_length"),
    num_hidden_layers: values.number(".block_count"),
    num_attention_heads: heads,
    num_key_value_heads: values.optionalNumber(".attention.head_count_kv") ?? heads,
    head_dim,
    rms_norm_eps: values.number(".attention.layer_norm_rms_epsilon"),
    max_position_embeddings,
    rope_theta,
    ...(ropeFactors === undefined
      ? scalingOf(values)
      : factorsOf(values, ropeFactors, rope_theta, max_position_embeddings)),
    tie_word_embeddings: !shapes.has("output.weight"),
    attention_bias: shapes.has("blk.0.attn_q.bias"),
    mlp_bias: shapes.has("blk.0.ffn_gate.bias"),
    bos_token_id: specialTokenOf(metadata, "bos") ?? null,
    eos_token_id: specialTokenOf(metadata, "eos") ?? null,
  };
}

/** Mistral's files are Llama's in llama.cpp; one with a window is Mistral here. What the decoders lack is refused by its name later. */
function familyOf(values: Metadata, headDim: number): object {
  const window = values.optionalNumber(".attention.sliding_window") ?? 0;
  const rotated = values.optionalNumber(".rope.dimension_count") ?? headDim;
  const isMistral = values.architecture === "llama" && window > 0;
  return {
    model_type: isMistral ? "mistral" : values.architecture,
    sliding_window: isMistral ? window : null,
    num_local_experts: values.optionalNumber(".expert_count") ?? 0,
    partial_rotary_factor: rotated / headDim,
  };
}

/** @throws UnsupportedError where the file scales its window in another way as well */
function factorsOf(values: Metadata, factors: Float32Array, theta: number, window: number): object {
  const other = scalingOf(values);
  if (Object.keys(other).length > 0)
    throw new UnsupportedError(`${ropeFactorsName} beside ${values.architecture}.rope.scaling is not supported`);
  return { rope_scaling: scalingOfFactors(factors, theta, window) };
}

/** llama.cpp's keys for a scaled window, as a `rope_scaling` block; nothing where there is none. */
function scalingOf(values: Metadata): object {
  const typeKey = `${values.architecture}.rope.scaling.type`;
  const declared = values.text(typeKey);
  const ofType = values.optionalNumber(".rope.scaling.factor");
  // A factor without a method: llama.cpp takes linear for it, which no model here was trained with. To drop it in silence would be worse.
  if (declared === undefined && (ofType ?? 1) !== 1)
    throw new InvalidConfigError(
      typeKey,
      `is missing, although there is a factor (${ofType}); set it to yarn or linear`,
    );
  // The older key says its method by its name. 0 is none, as in llama.cpp.
  const factor = ofType ?? values.optionalNumber(".rope.scale_linear");
  const type = declared ?? (factor === undefined || factor === 0 || factor === 1 ? "none" : "linear");
  const optional = (name: string, key: string): object => {
    const value = values.optionalNumber(key);
    return value === undefined ? {} : { [name]: value };
  };
  switch (type) {
    case "none":
      return {};
    case "linear":
      return { rope_scaling: { rope_type: "linear", factor } };
    case "yarn":
      return {
        rope_scaling: {
          rope_type: "yarn",
          factor,
          ...optional("original_max_position_embeddings", ".rope.scaling.original_context_length"),
          ...attentionFactorOf(values, factor),
          ...optional("beta_fast", ".rope.scaling.yarn_beta_fast"),
          ...optional("beta_slow", ".rope.scaling.yarn_beta_slow"),
        },
      };
    default:
      throw new UnsupportedError(
        `${typeKey}: ${JSON.stringify(type.slice(0, 40))} is not supported; none, linear and yarn are`,
      );
  }
}

/**
 * llama.cpp multiplies the usual attention scaling by its `attn_factor`; a configuration has the product. Its converter copies that product to `yarn_attn_factor`,
 * which these architectures do not read there. A 1 may be a configuration's `attn_factor` too, which is copied as well and changes nothing.
 */
function attentionFactorOf(values: Metadata, factor: number | undefined): object {
  const times = values.optionalNumber(".rope.scaling.attn_factor");
  if (times !== undefined) return { attention_factor: times * yarnAttentionScaling(factor ?? 1) };
  const product = values.optionalNumber(".rope.scaling.yarn_attn_factor") ?? 1;
  return product === 1 ? {} : { attention_factor: product };
}

/** Texts of control tokens that end an answer wherever they are in the vocabulary, as in llama.cpp. */
export const endTexts: ReadonlySet<string> = new Set([
  "<|endoftext|>",
  "<|im_end|>",
  "<|eot_id|>",
  "<|eom_id|>",
  "<|end_of_text|>",
  "</s>",
]);

/** @returns what a `generation_config.json` would say: the tokens that end an answer */
export function generationConfigOfGguf(
  { metadata }: GgufHeader,
  controlTokens: ReadonlyMap<string, number>,
): Readonly<Record<string, unknown>> {
  const values = new Metadata(metadata);
  const named = ["eos", "eot", "eom"].map((name) => values.optionalNumber(`tokenizer.ggml.${name}_token_id`));
  const known = [...controlTokens].filter(([text]) => endTexts.has(text)).map(([, id]) => id);
  return { eos_token_id: [...new Set([...named, ...known].filter((id) => id !== undefined))] };
}
