import { expect, test } from "vitest";
import { UnsupportedError } from "../errors.ts";
import { parseModelConfig } from "./config.ts";
import { attentionWindow } from "./sliding-window.ts";

const qwen2 = {
  model_type: "qwen2",
  hidden_size: 64,
  intermediate_size: 160,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 256,
};

test.each<[RegExp, Readonly<Record<string, unknown>>]>([
  [/^model_type "gemma3" is not supported; qwen2 .*, qwen3 .*, llama .* and mistral are$/, { model_type: "gemma3" }],
  [/^model_type "qwen2_moe" \(a mixture of experts\)/, { model_type: "qwen2_moe" }],
  [/^model_type "qwen3_moe" \(a mixture of experts\)/, { model_type: "qwen3_moe" }],
  [/^model_type "mixtral" \(a mixture of experts\)/, { model_type: "mixtral" }],
  [/^model_type "olmoe" \(a mixture of experts\)/, { model_type: "olmoe" }],
  [/^model_type "gpt_oss" \(a mixture of experts\)/, { model_type: "gpt_oss" }],
  [/^model_type "qwen2_5_vl" \(a model that sees or hears\)/, { model_type: "qwen2_5_vl" }],
  [/^model_type "qwen2_audio" \(a model that sees or hears\)/, { model_type: "qwen2_audio" }],
  [/^model_type "qwen3_next" is not supported/, { model_type: "qwen3_next" }],
  [/^architectures "Qwen2ForSequenceClassification"/, { architectures: ["Qwen2ForSequenceClassification"] }],
  [
    /^architectures "LlamaForCausalLM" .* only MistralForCausalLM is/,
    { model_type: "mistral", architectures: ["LlamaForCausalLM"] },
  ],
  [/^hidden_act "gelu"/, { hidden_act: "gelu" }],
  [/^quantization_config "gptq"/, { quantization_config: { quant_method: "gptq", bits: 4 } }],
  [/^quantization_config "awq"/, { quantization_config: { quant_method: "awq" } }],
  [/^quantization_config an object/, { quantization: { group_size: 64, bits: 4 } }],
  [/^num_experts 8/, { num_experts: 8 }],
  [/^attn_output_gate true/, { attn_output_gate: true }],
  [/^use_mrope true/, { use_mrope: true }],
  [/^is_causal false/, { is_causal: false }],
  [/^dual_chunk_attention_config an object/, { dual_chunk_attention_config: { chunk_size: 262144 } }],
  [/^partial_rotary_factor 0.5/, { partial_rotary_factor: 0.5 }],
  [/^rope_parameters\.partial_rotary_factor 0.5/, { rope_parameters: { partial_rotary_factor: 0.5 } }],
  [/^num_local_experts 8/, { model_type: "llama", num_local_experts: 8 }],
  [
    /^layer_types "sliding_attention" .*in this family/,
    { model_type: "llama", layer_types: Array(3).fill("sliding_attention") },
  ],
  [
    /^layer_types "full_attention" .*all layers are alike/,
    { model_type: "mistral", layer_types: Array(3).fill("full_attention") },
  ],
  [/^layer_types "linear_attention"/, { layer_types: ["linear_attention", "full_attention", "full_attention"] }],
])("refuses what it cannot compute: %s", (message, change) => {
  expect(() => parseModelConfig({ ...qwen2, ...change })).toThrow(UnsupportedError);
  expect(() => parseModelConfig({ ...qwen2, ...change })).toThrow(message);
});

test.each(["silu", "swish"])(
  "the same fields with the values of a plain model are fine, %s among them",
  (hidden_act) => {
    parseModelConfig({
      ...qwen2,
      architectures: ["Qwen2ForCausalLM"],
      hidden_act,
      quantization_config: null,
      num_experts: 0,
      use_mrope: false,
      partial_rotary_factor: 1,
      layer_types: ["full_attention", "full_attention", "full_attention"],
    });
  },
);

const full = "full_attention";
const slides = "sliding_attention";

test.each<[string, Readonly<Record<string, unknown>>, number, readonly string[]]>([
  ["some layers", { max_window_layers: 2, sliding_window: 100 }, 100, [full, full, slides]],
  ["all layers", { max_window_layers: 0, sliding_window: 4096 }, 4096, [slides, slides, slides]],
  ["the default window", { max_window_layers: 0 }, 4096, [slides, slides, slides]],
  ["layers that are named", { sliding_window: 100, layer_types: [full, slides, full] }, 100, [full, slides, full]],
  ["a window as long as the context", { max_window_layers: 1, sliding_window: 32768 }, 32768, [full, slides, slides]],
])("Qwen's sliding window is followed: %s", (_, change, window, types) => {
  const json = { ...qwen2, use_sliding_window: true, ...change };
  expect(parseModelConfig(json)).toMatchObject({ sliding_window: window, layer_types: types });
  expect(parseModelConfig({ ...json, use_sliding_window: false, layer_types: null })).not.toHaveProperty("layer_types");
});

test.each<[string, Readonly<Record<string, unknown>>]>([
  ["no layer uses it", { max_window_layers: 3, sliding_window: 100 }],
  ["by default only layers from 28 on", { sliding_window: 100 }],
  ["layer_types say no layer does", { max_window_layers: 0, sliding_window: 100, layer_types: Array(3).fill(full) }],
  ["it is null", { max_window_layers: 0, sliding_window: null }],
])("Qwen's sliding window is off: %s", (_, change) => {
  const config = parseModelConfig({ ...qwen2, use_sliding_window: true, ...change });
  expect(config.sliding_window).toBeNull();
  expect([0, 1, 2].map((layer) => attentionWindow(config, layer))).toEqual([undefined, undefined, undefined]);
});

test("Mistral slides in every layer, also where the file does not say over how many tokens; null is none; Llama never", () => {
  const mistral = { ...qwen2, model_type: "mistral" };
  expect(parseModelConfig(mistral)).toMatchObject({ sliding_window: 4096, layer_types: [slides, slides, slides] });
  expect(attentionWindow(parseModelConfig({ ...mistral, sliding_window: 7 }), 2)).toBe(7);
  expect(parseModelConfig({ ...mistral, sliding_window: null }).sliding_window).toBeNull();
  expect(
    parseModelConfig({ ...mistral, sliding_window: null, layer_types: Array(3).fill(full) }).sliding_window,
  ).toBeNull();
  expect(parseModelConfig({ ...qwen2, model_type: "llama", sliding_window: 7 }).sliding_window).toBeNull();
  expect(() => parseModelConfig({ ...mistral, sliding_window: 0 })).toThrow(/^sliding_window: must be/);
});

test("layers named as sliding, with the window switched off, contradict each other", () => {
  const json = { ...qwen2, use_sliding_window: false, layer_types: Array(3).fill("sliding_attention") };
  expect(() => parseModelConfig(json)).toThrow(/^layer_types "sliding_attention" is not supported/);
});
