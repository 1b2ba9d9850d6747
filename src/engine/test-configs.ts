/** `config.json` of Qwen2-7B-Instruct. */
export const qwen2Instruct = {
  model_type: "qwen2",
  hidden_size: 3584,
  intermediate_size: 18944,
  num_hidden_layers: 28,
  num_attention_heads: 28,
  num_key_value_heads: 4,
  vocab_size: 152064,
  rope_theta: 1e6,
  max_position_embeddings: 32768,
  eos_token_id: 151645,
  torch_dtype: "bfloat16",
} as const;

/** The block that Qwen recommends for it. */
export const yarnOfFour = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 32768 } as const;
