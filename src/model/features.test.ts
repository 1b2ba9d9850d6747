import { expect, test } from "vitest";
import { UnsupportedError } from "../errors.ts";
import { parseModelConfig } from "./config.ts";

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
  [/^model_type "llama" is not supported; qwen2 .* and qwen3/, { model_type: "llama" }],
  [/^model_type "qwen2_moe" \(a mixture of experts\)/, { model_type: "qwen2_moe" }],
  [/^model_type "qwen3_moe" \(a mixture of experts\)/, { model_type: "qwen3_moe" }],
  [/^model_type "qwen2_5_vl" \(a model that sees or hears\)/, { model_type: "qwen2_5_vl" }],
  [/^model_type "qwen2_audio" \(a model that sees or hears\)/, { model_type: "qwen2_audio" }],
  [/^model_type "qwen3_next" is not supported/, { model_type: "qwen3_next" }],
  [/^architectures "Qwen2ForSequenceClassification"/, { architectures: ["Qwen2ForSequenceClassification"] }],
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
  [/^layer_types "linear_attention"/, { layer_types: ["linear_attention", "full_attention", "full_attention"] }],
])("refuses what it cannot compute: %s", (message, change) => {
  expect(() => parseModelConfig({ ...qwen2, ...change })).toThrow(UnsupportedError);
  expect(() => parseModelConfig({ ...qwen2, ...change })).toThrow(message);
});

test("the same fields with the values of a plain model are fine", () => {
  parseModelConfig({
    ...qwen2,
    architectures: ["Qwen2ForCausalLM"],
    hidden_act: "silu",
    quantization_config: null,
    num_experts: 0,
    use_mrope: false,
    partial_rotary_factor: 1,
    layer_types: ["full_attention", "full_attention", "full_attention"],
  });
});

test.each<[string, Readonly<Record<string, unknown>>]>([
  ["some layers use it", { max_window_layers: 2, sliding_window: 100 }],
  ["all layers use it", { max_window_layers: 0, sliding_window: 4096 }],
  ["the default window", { max_window_layers: 0 }],
  [
    "layers are named that use it",
    { sliding_window: 100, layer_types: ["full_attention", "full_attention", "sliding_attention"] },
  ],
  [
    "the stretched context is longer",
    { max_window_layers: 0, sliding_window: 32768, rope_scaling: { type: "yarn", factor: 2 } },
  ],
])("a sliding window in use is refused: %s", (_, change) => {
  const json = { ...qwen2, use_sliding_window: true, ...change };
  expect(() => parseModelConfig(json)).toThrow(/^sliding_window \d+ is not supported/);
  expect(() => parseModelConfig({ ...json, use_sliding_window: false, layer_types: null })).not.toThrow();
});

test.each<[string, Readonly<Record<string, unknown>>, number | null]>([
  ["no layer uses it", { max_window_layers: 3, sliding_window: 100 }, null],
  ["by default only layers from 28 on", { sliding_window: 100 }, null],
  [
    "layer_types say no layer does",
    { max_window_layers: 0, sliding_window: 100, layer_types: Array(3).fill("full_attention") },
    null,
  ],
  ["it is null", { max_window_layers: 0, sliding_window: null }, null],
  ["it covers the whole context", { max_window_layers: 0, sliding_window: 32768 }, 32768],
  [
    "it covers the stretched context",
    { max_window_layers: 0, sliding_window: 65536, rope_scaling: { type: "yarn", factor: 2 } },
    65536,
  ],
])("a sliding window without effect is fine: %s", (_, change, window) => {
  expect(parseModelConfig({ ...qwen2, use_sliding_window: true, ...change }).sliding_window).toBe(window);
});

test("layers named as sliding, with the window switched off, contradict each other", () => {
  const json = { ...qwen2, use_sliding_window: false, layer_types: Array(3).fill("sliding_attention") };
  expect(() => parseModelConfig(json)).toThrow(/^layer_types "sliding_attention" is not supported/);
});
