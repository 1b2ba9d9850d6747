/** A way of turning positions into rotations; the names are those of `rope_type` in Hugging Face configurations. */
export type RotaryMethod = "default" | "linear" | "dynamic" | "yarn" | "longrope" | "llama3";

/** Every method, in the order in which messages list them. */
export const rotaryMethods: readonly RotaryMethod[] = ["default", "linear", "dynamic", "yarn", "longrope", "llama3"];

/**
 * What this folder reads of a Hugging Face configuration, under the names of `config.json`. Other properties are
 * allowed. The types are what a valid configuration holds; the values are checked all the same.
 */
export interface RotaryConfig {
  /** Width of one attention head; absent or null: `hidden_size / num_attention_heads`. */
  readonly head_dim?: number | null | undefined;
  readonly hidden_size?: number | null | undefined;
  readonly num_attention_heads?: number | null | undefined;
  /** The base θ of the frequencies; absent or null: 10000. One inside the block comes first. */
  readonly rope_theta?: number | null | undefined;
  /** The longest sequence the configuration speaks of, in tokens. */
  readonly max_position_embeddings: number;
  /** Phi-3 writes the window of pretraining here, beside the block; it comes before one inside the block. */
  readonly original_max_position_embeddings?: number | null | undefined;
  /** The part of each head that is rotated, in (0, 1]; absent or null: 1. One inside the block comes first. */
  readonly partial_rotary_factor?: number | null | undefined;
  /** The scaling block as it was written up to transformers 4. */
  readonly rope_scaling?: object | null | undefined;
  /** The block of transformers 5: `rope_theta`, `partial_rotary_factor` and the scaling block in one. */
  readonly rope_parameters?: object | null | undefined;
}

/** The rotary encoding of one model, one method and one factor. */
export interface RotaryEncoding {
  /** Radians per token of each rotated pair, [pairs]. */
  readonly inverseFrequencies: Float32Array;
  /** The factor on cos and on sin; 1 where the method has none. */
  readonly attentionScaling: number;
}

/** What a caller may ask for beyond what the configuration declares. */
export interface RotaryOptions {
  /** Absent: the declared method. Another than the declared one starts from its defaults, without the declared block. */
  readonly method?: RotaryMethod | undefined;
  /** The ratio by which the window is stretched, at least 1; in place of the block's. */
  readonly factor?: number | undefined;
  /** The window in tokens that the factor refers to; in place of the configuration's. */
  readonly originalWindow?: number | undefined;
  /** The length in tokens that `dynamic` and `longrope` choose their frequencies by; the others do not read it. */
  readonly sequenceLength?: number | undefined;
}

/** What the parameters of every method have. */
export interface CommonParameters {
  /** The base of the frequencies, θ. */
  readonly theta: number;
  readonly headDim: number;
  readonly partialRotaryFactor: number;
  /** How many numbers of a head are rotated: the first ones; even. */
  readonly dimensions: number;
  /** Rotated pairs: `dimensions / 2`. */
  readonly pairs: number;
  /** In tokens. */
  readonly maxPositionEmbeddings: number;
  /**
   * In tokens, and only where the configuration (or an option) says it; without one, `yarn` and `longrope` refer to
   * `maxPositionEmbeddings`. For `dynamic` only an option's, because transformers reads no other.
   */
  readonly originalWindow: number | undefined;
  /** The ratio by which the window is stretched, where the method has one. */
  readonly factor: number | undefined;
  /** The attention scaling, where the block itself says it. */
  readonly attentionFactor: number | undefined;
  /** Whether the configuration has a block of another type than `default`. */
  readonly declared: boolean;
  /** The field that holds the block that is followed; undefined without one. */
  readonly blockField: "rope_scaling" | "rope_parameters" | undefined;
  /** The block has an `attn_factor`. No method reads it, as in transformers; it tells of a model trained with the block. */
  readonly hasAttnFactor: boolean;
  /** `rope_type` and the older `type` name different methods; `rope_type` is followed. */
  readonly typeKeysDisagree: boolean;
  /** `rope_parameters` says what `rope_scaling` and the fields beside it do not; `rope_scaling` is followed. */
  readonly blocksDisagree: boolean;
  /** The block and the configuration give different original windows; the configuration's is followed. */
  readonly originalWindowsDisagree: boolean;
}
