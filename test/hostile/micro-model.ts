import { parseModelConfig } from "../../src/model/config.ts";
import { byteToken } from "../../src/text/byte-alphabet.ts";
import { miniatureTokenizer } from "../../src/text/miniature-tokenizer.ts";
import { randomCheckpoint } from "../chat-model.ts";

const config = {
  architectures: ["Qwen2ForCausalLM"],
  model_type: "qwen2",
  vocab_size: 260,
  hidden_size: 16,
  intermediate_size: 16,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  max_position_embeddings: 64,
  rope_theta: 1e4,
  rms_norm_eps: 1e-6,
  rope_scaling: { rope_type: "yarn", factor: 4, original_max_position_embeddings: 64, beta_fast: 32, beta_slow: 1 },
  tie_word_embeddings: true,
  use_sliding_window: false,
  bos_token_id: 258,
  eos_token_id: [258, 259],
  torch_dtype: "float32",
};

const generationConfig = {
  do_sample: true,
  temperature: 0.7,
  top_p: 0.8,
  top_k: 20,
  repetition_penalty: 1.05,
  eos_token_id: [258, 259],
};

const tokenizer = miniatureTokenizer(
  [`${byteToken(97)} ${byteToken(98)}`, `${byteToken(98)} ${byteToken(99)}`],
  [
    { content: "<|im_start|>", special: true, lstrip: false, rstrip: false, single_word: false, normalized: false },
    { content: "<|im_end|>", special: true, lstrip: false, rstrip: false, single_word: false, normalized: false },
  ],
  { normalizer: { type: "NFC" }, truncation: null, padding: null },
);

const tokenizerConfig = {
  added_tokens_decoder: {
    258: { content: "<|im_start|>", special: true },
    259: { content: "<|im_end|>", special: true },
  },
  additional_special_tokens: ["<|im_start|>"],
  bos_token: null,
  eos_token: "<|im_end|>",
  model_max_length: 256,
  chat_template: "{% for message in messages %}<|im_start|>{{ message.content }}<|im_end|>{% endfor %}",
};

/** All files of a model so small that it loads in a millisecond: what each of them says is used. */
export function microModel(): Record<string, Uint8Array<ArrayBuffer>> {
  const text = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value));
  parseModelConfig(config);
  return {
    "config.json": text(config),
    "generation_config.json": text(generationConfig),
    "tokenizer.json": text(tokenizer),
    "tokenizer_config.json": text(tokenizerConfig),
    "model.safetensors": randomCheckpoint(config),
  };
}
