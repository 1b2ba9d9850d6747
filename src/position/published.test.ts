import { expect, test } from "vitest";
import { readRotaryParameters, resolveRotaryEncoding } from "./index.ts";

/*
 * Published configurations, with the keys beside those that matter here. Expected numbers are computed in float64 from
 * the papers' formulas, not with this folder's code.
 */

const qwen2Instruct = {
  architectures: ["Qwen2ForCausalLM"],
  attention_dropout: 0.0,
  bos_token_id: 151643,
  eos_token_id: 151645,
  hidden_act: "silu",
  hidden_size: 3584,
  initializer_range: 0.02,
  intermediate_size: 18944,
  max_position_embeddings: 32768,
  max_window_layers: 28,
  model_type: "qwen2",
  num_attention_heads: 28,
  num_hidden_layers: 28,
  num_key_value_heads: 4,
  rms_norm_eps: 1e-6,
  rope_theta: 1000000.0,
  sliding_window: 131072,
  tie_word_embeddings: false,
  torch_dtype: "bfloat16",
  use_cache: true,
  use_sliding_window: false,
  vocab_size: 152064,
};

const qwen3 = {
  head_dim: 128,
  hidden_size: 4096,
  max_position_embeddings: 40960,
  model_type: "qwen3",
  num_attention_heads: 32,
  num_key_value_heads: 8,
  rope_scaling: null,
  rope_theta: 1000000,
  sliding_window: null,
};

const qwen3InTransformers5 = {
  head_dim: 128,
  hidden_size: 4096,
  layer_types: ["full_attention", "full_attention"],
  max_position_embeddings: 40960,
  model_type: "qwen3",
  num_attention_heads: 32,
  rope_parameters: { rope_theta: 1000000, rope_type: "default" },
};

const qwen2Vl = {
  hidden_size: 3584,
  max_position_embeddings: 32768,
  model_type: "qwen2_vl",
  num_attention_heads: 28,
  rope_scaling: { type: "mrope", mrope_section: [16, 24, 24] },
  rope_theta: 1000000.0,
};

const qwen2VlSavedAgain = {
  ...qwen2Vl,
  rope_scaling: { type: "default", rope_type: "default", mrope_section: [16, 24, 24] },
};

const llama31 = {
  hidden_size: 4096,
  max_position_embeddings: 131072,
  model_type: "llama",
  num_attention_heads: 32,
  num_key_value_heads: 8,
  pretraining_tp: 1,
  rope_scaling: {
    factor: 8.0,
    low_freq_factor: 1.0,
    high_freq_factor: 4.0,
    original_max_position_embeddings: 8192,
    rope_type: "llama3",
  },
  rope_theta: 500000.0,
};

const deepseekV3 = {
  // As transformers presents it: rotation is on a part of its own.
  head_dim: 64,
  hidden_size: 7168,
  max_position_embeddings: 163840,
  model_type: "deepseek_v3",
  num_attention_heads: 128,
  qk_nope_head_dim: 128,
  qk_rope_head_dim: 64,
  rope_scaling: {
    beta_fast: 32,
    beta_slow: 1,
    factor: 40,
    mscale: 1.0,
    mscale_all_dim: 1.0,
    original_max_position_embeddings: 4096,
    type: "yarn",
  },
  rope_theta: 10000,
};

const gptOss = {
  head_dim: 64,
  hidden_size: 2880,
  initial_context_length: 4096,
  max_position_embeddings: 131072,
  model_type: "gpt_oss",
  num_attention_heads: 64,
  rope_scaling: {
    beta_fast: 32.0,
    beta_slow: 1.0,
    factor: 32.0,
    original_max_position_embeddings: 4096,
    rope_type: "yarn",
    truncate: false,
  },
  rope_theta: 150000,
};

/** The shape of Phi-3-mini-128k-instruct; its lists are longer to write down than to make up. */
const phi3 = {
  hidden_size: 3072,
  max_position_embeddings: 131072,
  model_type: "phi3",
  num_attention_heads: 32,
  original_max_position_embeddings: 4096,
  rope_scaling: {
    long_factor: Array.from({ length: 48 }, (_, pair) => 1 + pair),
    short_factor: Array.from({ length: 48 }, () => 1.25),
    type: "longrope",
  },
  rope_theta: 10000.0,
  sliding_window: 262144,
};

const stableLm = {
  hidden_size: 2048,
  max_position_embeddings: 4096,
  model_type: "stablelm",
  num_attention_heads: 32,
  partial_rotary_factor: 0.25,
  rope_scaling: null,
  rope_theta: 10000,
};

const deepseekCoder = {
  hidden_size: 4096,
  max_position_embeddings: 16384,
  model_type: "llama",
  num_attention_heads: 32,
  rope_scaling: { factor: 4.0, type: "linear" },
  rope_theta: 100000,
};

const internLm2 = {
  hidden_size: 4096,
  max_position_embeddings: 32768,
  model_type: "internlm2",
  num_attention_heads: 32,
  rope_scaling: { factor: 2.0, type: "dynamic" },
  rope_theta: 1000000,
};

function frequency(theta: number, pair: number, dimensions: number): number {
  return theta ** ((-2 * pair) / dimensions);
}

function expectClose(actual: number | undefined, expected: number): void {
  expect(Math.abs(actual! / expected - 1)).toBeLessThan(1e-6);
}

test("Qwen2 and Qwen3 declare nothing", () => {
  for (const config of [qwen2Instruct, { ...qwen2Instruct, max_position_embeddings: 131072 }, qwen3]) {
    expect(readRotaryParameters(config)).toMatchObject({
      method: "default",
      declared: false,
      headDim: 128,
      theta: 1e6,
    });
    const { inverseFrequencies, attentionScaling } = resolveRotaryEncoding(config);
    expect(attentionScaling).toBe(1);
    inverseFrequencies.forEach((value, pair) => {
      expectClose(value, frequency(1e6, pair, 128));
    });
  }
});

test("Qwen3 as transformers 5 writes it is Qwen3, and yarn can be asked for on both", () => {
  expect(resolveRotaryEncoding(qwen3InTransformers5)).toEqual(resolveRotaryEncoding(qwen3));
  const options = { method: "yarn", factor: 4, originalWindow: 32768 } as const;
  const asked = resolveRotaryEncoding(qwen3InTransformers5, options);
  expect(asked).toEqual(resolveRotaryEncoding(qwen3, options));
  const rope_parameters = {
    rope_theta: 1000000,
    rope_type: "yarn",
    factor: 4.0,
    original_max_position_embeddings: 32768,
  };
  expect(asked).toEqual(resolveRotaryEncoding({ ...qwen3InTransformers5, rope_parameters }));
});

test("Qwen2 and Qwen2.5 with the block of their model cards", () => {
  const rope_scaling = { factor: 4.0, original_max_position_embeddings: 32768, type: "yarn" };
  const config = { ...qwen2Instruct, rope_scaling };
  expect(readRotaryParameters(config)).toMatchObject({
    method: "yarn",
    declared: true,
    factor: 4,
    originalWindow: 32768,
  });
  const declared = resolveRotaryEncoding(config);
  expect(declared).toEqual(resolveRotaryEncoding(qwen2Instruct, { method: "yarn", factor: 4 }));
  expectClose(declared.attentionScaling, 1.1386294361119891);
  // low 23, high 40: pair 30 is 7/17 interpolated.
  expectClose(declared.inverseFrequencies[30], frequency(1e6, 30, 128) * ((7 / 17) * 0.25 + 10 / 17));
  expectClose(declared.inverseFrequencies[63], frequency(1e6, 63, 128) / 4);
  expect(resolveRotaryEncoding(config, { method: "default" })).toEqual(resolveRotaryEncoding(qwen2Instruct));
});

test("Qwen2-VL has plain frequencies", () => {
  for (const config of [qwen2Vl, qwen2VlSavedAgain]) {
    expect(readRotaryParameters(config)).toMatchObject({ method: "default", declared: false, typeKeysDisagree: false });
    expect(resolveRotaryEncoding(config)).toEqual(resolveRotaryEncoding(qwen2Instruct));
  }
});

test("Llama 3.1 keeps short wavelengths, blends, and divides long ones by 8", () => {
  const { inverseFrequencies, attentionScaling } = resolveRotaryEncoding(llama31);
  expect(attentionScaling).toBe(1);
  inverseFrequencies.forEach((value, pair) => {
    const original = frequency(500000, pair, 128);
    const turns = (8192 * original) / (2 * Math.PI);
    const kept = Math.min(Math.max((turns - 1) / 3, 0), 1);
    // A blend near 0 loses digits of `turns` to the subtraction.
    expect(Math.abs(value / (kept * original + ((1 - kept) * original) / 8) - 1)).toBeLessThan(5e-6);
  });
});

test("DeepSeek-V3 has a yarn whose two weights cancel", () => {
  const { inverseFrequencies, attentionScaling } = resolveRotaryEncoding(deepseekV3);
  expect(attentionScaling).toBe(1);
  expect(inverseFrequencies).toHaveLength(32);
  expectClose(inverseFrequencies[0], 1);
  expectClose(inverseFrequencies[31], frequency(10000, 31, 64) / 40);
});

test("gpt-oss has a yarn that is not truncated", () => {
  const { inverseFrequencies, attentionScaling } = resolveRotaryEncoding(gptOss);
  expectClose(attentionScaling, 1 + 0.1 * Math.log(32));
  const bound = (turns: number): number => (64 * Math.log(4096 / (turns * 2 * Math.PI))) / (2 * Math.log(150000));
  const share = (12 - bound(32)) / (bound(1) - bound(32));
  expect(share).toBeGreaterThan(0.2);
  expect(share).toBeLessThan(0.8);
  expectClose(inverseFrequencies[12], frequency(150000, 12, 64) * (share / 32 + 1 - share));
});

test("Phi-3 has its original window beside the block", () => {
  expect(readRotaryParameters(phi3)).toMatchObject({
    method: "longrope",
    factor: 32,
    originalWindow: 4096,
    headDim: 96,
  });
  const short = resolveRotaryEncoding(phi3, { sequenceLength: 4096 });
  const long = resolveRotaryEncoding(phi3, { sequenceLength: 4097 });
  expectClose(short.attentionScaling, 1.1902380714238083);
  expect(long.attentionScaling).toBe(short.attentionScaling);
  for (const pair of [0, 7, 47]) {
    expectClose(short.inverseFrequencies[pair], frequency(10000, pair, 96) / 1.25);
    expectClose(long.inverseFrequencies[pair], frequency(10000, pair, 96) / (1 + pair));
  }
  const first = { ...phi3, rope_scaling: { ...phi3.rope_scaling, type: "su" } };
  expect(resolveRotaryEncoding(first, { sequenceLength: 4097 })).toEqual(long);
});

test("StableLM rotates a quarter of the head", () => {
  const { inverseFrequencies } = resolveRotaryEncoding(stableLm);
  expect(inverseFrequencies).toHaveLength(8);
  expectClose(inverseFrequencies[7], frequency(10000, 7, 16));
});

test("DeepSeek-Coder is linear, InternLM2 dynamic", () => {
  expectClose(resolveRotaryEncoding(deepseekCoder).inverseFrequencies[10], frequency(100000, 10, 128) / 4);
  expectClose(resolveRotaryEncoding(internLm2).inverseFrequencies[10], frequency(1000000, 10, 128));
  const grown = resolveRotaryEncoding(internLm2, { sequenceLength: 65536 }).inverseFrequencies[10];
  expectClose(grown, frequency(1000000 * 3 ** (128 / 126), 10, 128));
});
