import { safetensorsBytes } from "../../src/checkpoint/test-safetensors.ts";
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

/** The files of an adapter of it. */
export function microAdapter(): Record<string, Uint8Array<ArrayBuffer>> {
  const text = (value: unknown): Uint8Array<ArrayBuffer> => new TextEncoder().encode(JSON.stringify(value));
  const shapes = {
    "q_proj.lora_A": [2, 16],
    "q_proj.lora_B": [16, 2],
    "v_proj.lora_A": [2, 16],
    "v_proj.lora_B": [8, 2],
  };
  const header: Record<string, object> = {};
  let end = 0;
  for (const [name, [rows = 0, columns = 0]] of Object.entries(shapes)) {
    const start = end;
    end += 4 * rows * columns;
    const tensor = `base_model.model.model.layers.0.self_attn.${name}.weight`;
    header[tensor] = { dtype: "F32", shape: [rows, columns], data_offsets: [start, end] };
  }
  return {
    "adapter_config.json": text({
      peft_type: "LORA",
      task_type: "CAUSAL_LM",
      base_model_name_or_path: "../../../etc",
      r: 2,
      lora_alpha: 4,
      use_rslora: false,
      target_modules: ["q_proj", "v_proj"],
      rank_pattern: {},
      alpha_pattern: { "layers.0.self_attn.v_proj": 8 },
      bias: "none",
      modules_to_save: null,
    }),
    "adapter_model.safetensors": safetensorsBytes(header, new Uint8Array(new Float32Array(end / 4).fill(0.1).buffer)),
    "skein.json": text({ window: 128, factor: 2 }),
  };
}
