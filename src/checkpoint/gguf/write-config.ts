import { UnsupportedError } from "../../errors.ts";
import { type RotaryConfig, readRotaryParameters, resolveRotaryEncoding } from "../../position/index.ts";
import { yarnAttentionScaling } from "../../position/yarn.ts";
import type { TypedValue } from "./write-header.ts";
import { ropeFactorsOf } from "./write-rope-factors.ts";

/** What of a configuration is written; names as in Hugging Face. */
export interface WrittenConfig extends RotaryConfig {
  readonly model_type: string;
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly intermediate_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly rms_norm_eps: number;
  readonly attention_bias?: boolean;
  readonly sliding_window?: number | null;
}

/** llama.cpp's architectures of the families. Mistral is one of Llama's there. */
const architectures: ReadonlyMap<string, string> = new Map([
  ["qwen2", "qwen2"],
  ["qwen3", "qwen3"],
  ["llama", "llama"],
  ["mistral", "llama"],
]);

/** @throws UnsupportedError when there is none */
export function architectureOf({ model_type }: Pick<WrittenConfig, "model_type">): string {
  const architecture = architectures.get(model_type);
  if (architecture !== undefined) return architecture;
  const known = [...architectures.keys()].join(", ");
  throw new UnsupportedError(`model_type ${JSON.stringify(model_type)} cannot be written as GGUF; ${known} can`);
}

/**
 * A configuration as the metadata of a GGUF file: the way back from `configOfGguf`. What is a tensor there: `ropeFactorsOf`.
 *
 * @throws UnsupportedError for what such a file cannot say: the model would be another one in llama.cpp
 * @see https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
 */
export function metadataOfConfig(config: WrittenConfig): Record<string, TypedValue> {
  const { hidden_size, num_attention_heads, head_dim } = config;
  const architecture = architectureOf(config);
  const isLlama = architecture === "llama";
  if (architecture === "qwen3" && config.attention_bias)
    throw new UnsupportedError("attention_bias true cannot be written as GGUF: llama.cpp's qwen3 has no such biases");
  const window = config.sliding_window ?? null;
  if (window !== null && !isLlama)
    throw new UnsupportedError(
      `sliding_window ${window} cannot be written as GGUF: llama.cpp's ${architecture} has no such attention`,
    );
  const metadata: Record<string, TypedValue> = {
    "general.architecture": { type: "string", value: architecture },
    [`${architecture}.block_count`]: uint32(config.num_hidden_layers),
    [`${architecture}.context_length`]: uint32(config.max_position_embeddings),
    [`${architecture}.embedding_length`]: uint32(hidden_size),
    [`${architecture}.feed_forward_length`]: uint32(config.intermediate_size),
    [`${architecture}.attention.head_count`]: uint32(num_attention_heads),
    [`${architecture}.attention.head_count_kv`]: uint32(config.num_key_value_heads),
    [`${architecture}.attention.layer_norm_rms_epsilon`]: float32(config.rms_norm_eps),
  };
  if (head_dim !== hidden_size / num_attention_heads) {
    metadata[`${architecture}.attention.key_length`] = uint32(head_dim);
    metadata[`${architecture}.attention.value_length`] = uint32(head_dim);
  }
  if (isLlama) {
    metadata["llama.vocab_size"] = uint32(config.vocab_size);
    metadata["llama.rope.dimension_count"] = uint32(head_dim);
    if (window !== null) metadata["llama.attention.sliding_window"] = uint32(window);
  }
  for (const [key, value] of Object.entries(ropeOf(config, isLlama))) metadata[`${architecture}.rope.${key}`] = value;
  return metadata;
}

/** Keys of `qwen2.rope.`. @param hasFactors - whether the architecture has a tensor of what frequencies are divided by */
function ropeOf(config: WrittenConfig, hasFactors: boolean): Record<string, TypedValue> {
  const rotary = readRotaryParameters(config);
  const base = { freq_base: float32(rotary.theta) };
  if (hasFactors && ropeFactorsOf(config)) return base;
  switch (rotary.method) {
    case "default":
      return base;
    case "linear":
      return { ...base, "scaling.type": { type: "string", value: "linear" }, "scaling.factor": float32(rotary.factor) };
    case "yarn": {
      if (!rotary.truncate)
        throw new UnsupportedError(
          "a scaling with truncate: false cannot be written as GGUF: llama.cpp always truncates",
        );
      const { attentionScaling } = resolveRotaryEncoding(config);
      const times = attentionScaling / yarnAttentionScaling(rotary.factor);
      // Said where the block says it, even where it is the usual one: such a block was trained with.
      const attentionFactor = rotary.attentionFactor === undefined ? differing(times, 1) : times;
      return {
        ...base,
        "scaling.type": { type: "string", value: "yarn" },
        "scaling.factor": float32(rotary.factor),
        ...optional("scaling.original_context_length", rotary.originalWindow, uint32),
        ...optional("scaling.attn_factor", attentionFactor, float32),
        ...optional("scaling.yarn_beta_fast", differing(rotary.betaFast, 32), float32),
        ...optional("scaling.yarn_beta_slow", differing(rotary.betaSlow, 1), float32),
      };
    }
    default:
      throw new UnsupportedError(
        `a scaling of type ${rotary.method} cannot be written as GGUF: for ${config.model_type}, llama.cpp has linear${hasFactors ? ", llama3" : ""} and yarn`,
      );
  }
}

function uint32(value: number): TypedValue {
  return { type: "uint32", value };
}

function float32(value: number): TypedValue {
  return { type: "float32", value };
}

/** @returns the key with its value; nothing where that is undefined */
function optional(
  key: string,
  value: number | undefined,
  typed: (value: number) => TypedValue,
): Record<string, TypedValue> {
  return value === undefined ? {} : { [key]: typed(value) };
}

/** A number that need not be said where it is the usual one. */
function differing(value: number, usual: number): number | undefined {
  return value === usual ? undefined : value;
}
