/** What a Qwen2 configuration says about sizes, with Hugging Face's names. */
export interface Shape {
  readonly name: ShapeName;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly intermediate_size: number;
  readonly vocab_size: number;
  readonly tie_word_embeddings: boolean;
  /** Tokens. */
  readonly max_position_embeddings: number;
}

/** `tiny` is no published model: it is small enough that the tests and the reference backend can run it. */
export type ShapeName = "0.5b" | "1.5b" | "7b" | "tiny";

/** The shapes that are measured: the published Qwen2 models. */
export const measuredShapes: readonly ShapeName[] = ["0.5b", "1.5b", "7b"];

/** @see https://huggingface.co/Qwen/Qwen2-7B/blob/main/config.json, and its siblings' */
export const shapes: Readonly<Record<ShapeName, Shape>> = {
  "0.5b": {
    name: "0.5b",
    hidden_size: 896,
    num_hidden_layers: 24,
    num_attention_heads: 14,
    num_key_value_heads: 2,
    intermediate_size: 4864,
    vocab_size: 151936,
    tie_word_embeddings: true,
    max_position_embeddings: 32768,
  },
  "1.5b": {
    name: "1.5b",
    hidden_size: 1536,
    num_hidden_layers: 28,
    num_attention_heads: 12,
    num_key_value_heads: 2,
    intermediate_size: 8960,
    vocab_size: 151936,
    tie_word_embeddings: true,
    max_position_embeddings: 32768,
  },
  "7b": {
    name: "7b",
    hidden_size: 3584,
    num_hidden_layers: 28,
    num_attention_heads: 28,
    num_key_value_heads: 4,
    intermediate_size: 18944,
    vocab_size: 152064,
    tie_word_embeddings: false,
    max_position_embeddings: 32768,
  },
  tiny: {
    name: "tiny",
    hidden_size: 128,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    intermediate_size: 384,
    vocab_size: 512,
    tie_word_embeddings: true,
    max_position_embeddings: 32768,
  },
};

/** @returns the `config.json` of a model of this shape */
export function configOf(shape: Shape): Record<string, unknown> {
  const { name: _, ...sizes } = shape;
  return {
    architectures: ["Qwen2ForCausalLM"],
    model_type: "qwen2",
    ...sizes,
    rope_theta: 1e6,
    rms_norm_eps: 1e-6,
    hidden_act: "silu",
    use_sliding_window: false,
    torch_dtype: "bfloat16",
  };
}
