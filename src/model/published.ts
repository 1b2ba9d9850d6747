/** What is published about a model on the Hugging Face Hub. */
export interface PublishedConfig {
  /** The model's name there. */
  readonly name: string;
  /** Its `config.json`: all fields that have a meaning for inference. */
  readonly config: object;
  /** Its `generation_config.json`, likewise. */
  readonly generationConfig: object;
}

/** `<|endoftext|>` and `<|im_end|>` in Qwen2's vocabulary. */
const END_OF_TEXT = 151643;
const END_OF_TURN = 151645;

/** Size; hidden, intermediate, layers, heads, key/value heads, vocabulary, tied embeddings. */
const SIZES = {
  "0.5B": [896, 4864, 24, 14, 2, 151936, true],
  "1.5B": [1536, 8960, 28, 12, 2, 151936, true],
  "7B": [3584, 18944, 28, 28, 4, 152064, false],
  "72B": [8192, 29568, 80, 64, 8, 152064, false],
} as const;

/** Size; of the base model: epsilon. Of the tuned one: unused sliding window, repetition penalty. */
const DIFFERENCES = {
  "0.5B": [1e-6, 32768, 1.1],
  "1.5B": [1e-6, 32768, 1.1],
  "7B": [1e-6, 131072, 1.05],
  "72B": [1e-5, 131072, 1.05],
} as const;

/**
 * The configurations of Qwen2, built in so that they can be looked at offline: 0.5B, 1.5B, 7B and 72B, base and
 * Instruct, by their names on the Hub (`Qwen/Qwen2-7B-Instruct`).
 *
 * @see https://huggingface.co/collections/Qwen/qwen2
 */
export const publishedConfigs: ReadonlyMap<string, PublishedConfig> = /* @__PURE__ */ listPublished();

/** Whether the configuration of this name is built in. A page that loads models needs nothing else of this file. */
export function isPublished(name: string): boolean {
  return /^qwen\/qwen2-(0\.5|1\.5|7|72)b(-instruct)?$/i.test(name);
}

/** The published configuration of a model, by its name on the Hub in any case; `undefined` when it is not built in. */
export function findPublishedConfig(name: string): PublishedConfig | undefined {
  const wanted = name.toLowerCase();
  return [...publishedConfigs.values()].find((published) => published.name.toLowerCase() === wanted);
}

function listPublished(): ReadonlyMap<string, PublishedConfig> {
  const sizes = ["0.5B", "1.5B", "7B", "72B"] as const;
  const published = sizes.flatMap((size) => [baseModel(size), instructModel(size)]);
  return new Map(published.map((model) => [model.name, model]));
}

function baseModel(size: keyof typeof SIZES): PublishedConfig {
  return {
    name: `Qwen/Qwen2-${size}`,
    config: {
      ...sharedConfig(size),
      max_position_embeddings: 131072,
      sliding_window: 131072,
      rms_norm_eps: DIFFERENCES[size][0],
      eos_token_id: END_OF_TEXT,
    },
    generationConfig: { bos_token_id: END_OF_TEXT, do_sample: false, eos_token_id: END_OF_TEXT, max_new_tokens: 2048 },
  };
}

function instructModel(size: keyof typeof SIZES): PublishedConfig {
  const [, slidingWindow, repetitionPenalty] = DIFFERENCES[size];
  return {
    name: `Qwen/Qwen2-${size}-Instruct`,
    config: {
      ...sharedConfig(size),
      max_position_embeddings: 32768,
      sliding_window: slidingWindow,
      rms_norm_eps: 1e-6,
      eos_token_id: END_OF_TURN,
    },
    generationConfig: {
      bos_token_id: END_OF_TEXT,
      pad_token_id: END_OF_TEXT,
      do_sample: true,
      eos_token_id: [END_OF_TURN, END_OF_TEXT],
      repetition_penalty: repetitionPenalty,
      temperature: 0.7,
      top_p: 0.8,
      top_k: 20,
    },
  };
}

function sharedConfig(size: keyof typeof SIZES): object {
  const [hidden, intermediate, layers, heads, keyValueHeads, vocabulary, tied] = SIZES[size];
  return {
    architectures: ["Qwen2ForCausalLM"],
    model_type: "qwen2",
    hidden_act: "silu",
    hidden_size: hidden,
    intermediate_size: intermediate,
    num_hidden_layers: layers,
    max_window_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: keyValueHeads,
    vocab_size: vocabulary,
    tie_word_embeddings: tied,
    rope_theta: 1e6,
    use_sliding_window: false,
    bos_token_id: END_OF_TEXT,
    torch_dtype: "bfloat16",
  };
}
