import { readdir, readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { expect, test } from "vitest";
import { openDirectory } from "../checkpoint/node/directory.ts";
import { checkTensors, openTensors } from "../checkpoint/tensors.ts";
import { InvalidConfigError, SkeinError } from "../errors.ts";
import { readRotaryParameters } from "../position/index.ts";
import { expectedTensors, optionalTensors, parseModelConfig } from "./config.ts";

const qwen2 = {
  model_type: "qwen2",
  hidden_size: 64,
  intermediate_size: 160,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  vocab_size: 256,
};
const qwen3 = { ...qwen2, model_type: "qwen3" };
const llama = { ...qwen2, model_type: "llama" };
const mistral = { ...qwen2, model_type: "mistral" };

const fixtures = new URL("../../fixtures/logits/", import.meta.url);

async function readFixture(path: string): Promise<unknown> {
  return JSON.parse(await readFile(new URL(path, fixtures), "utf8"));
}

test("absent fields get the defaults of transformers' classes", () => {
  const shared = {
    rms_norm_eps: 1e-6,
    rope_theta: 10000,
    max_position_embeddings: 32768,
    tie_word_embeddings: false,
    sliding_window: null,
    bos_token_id: null,
    eos_token_id: null,
    dtype: null,
  };
  expect(parseModelConfig(qwen2)).toEqual({ ...qwen2, ...shared, head_dim: 16 });
  expect(parseModelConfig(qwen3)).toEqual({ ...qwen3, ...shared, head_dim: 128, attention_bias: false });
  const tokens = { bos_token_id: 1, eos_token_id: 2 };
  expect(parseModelConfig({ ...llama, pretraining_tp: 4 })).toEqual({
    ...llama,
    ...shared,
    ...tokens,
    max_position_embeddings: 2048,
    head_dim: 16,
    attention_bias: false,
    mlp_bias: false,
  });
  expect(parseModelConfig({ ...mistral, sliding_window: null })).toEqual({
    ...mistral,
    ...shared,
    ...tokens,
    max_position_embeddings: 131072,
    head_dim: 16,
  });
});

test("absent key/value heads are 32, null means as many as heads", () => {
  const { num_key_value_heads: _, ...rest } = qwen2;
  expect(parseModelConfig({ ...rest, num_attention_heads: 64 }).num_key_value_heads).toBe(32);
  expect(parseModelConfig({ ...rest, num_key_value_heads: null }).num_key_value_heads).toBe(4);
  expect(() => parseModelConfig(rest)).toThrow(
    /^num_key_value_heads: 32 \(the default, as it is absent\) does not divide/,
  );
  expect(parseModelConfig({ ...rest, model_type: "llama" }).num_key_value_heads).toBe(4);
  expect(parseModelConfig({ ...rest, model_type: "mistral", num_attention_heads: 16 }).num_key_value_heads).toBe(8);
});

test("what the file says comes through", () => {
  const given = {
    rms_norm_eps: 1e-5,
    rope_theta: 1e6,
    max_position_embeddings: 131072,
    original_max_position_embeddings: 32768,
    tie_word_embeddings: true,
    head_dim: 32,
    rope_scaling: { rope_type: "yarn", factor: 4 },
    bos_token_id: 1,
    eos_token_id: [2, 255],
  };
  expect(parseModelConfig({ ...qwen2, ...given, torch_dtype: "bfloat16" })).toMatchObject({
    ...given,
    dtype: "bfloat16",
  });
  expect(parseModelConfig({ ...qwen3, dtype: "float16", torch_dtype: "bfloat16" }).dtype).toBe("float16");
  expect(parseModelConfig({ ...qwen3, attention_bias: true })).toMatchObject({ attention_bias: true });
  expect(parseModelConfig({ ...qwen2, rope_scaling: null })).toHaveProperty("rope_scaling", null);
});

test("the base of transformers 5, inside the block, comes before one beside it", () => {
  const block = { rope_type: "default", rope_theta: 5e5 };
  expect(parseModelConfig({ ...qwen2, rope_parameters: block })).toMatchObject({
    rope_theta: 5e5,
    rope_parameters: block,
  });
  expect(parseModelConfig({ ...qwen2, rope_theta: 1e4, rope_parameters: block }).rope_theta).toBe(5e5);
  expect(parseModelConfig({ ...qwen2, rope_scaling: {}, rope_parameters: block }).rope_theta).toBe(5e5);
  const older = { ...qwen2, rope_theta: 1e6, rope_scaling: { type: "linear", factor: 2 }, rope_parameters: block };
  expect(parseModelConfig(older).rope_theta).toBe(1e6);
});

test("src/position reads the same base and head width from the result as from the file", () => {
  const block = { rope_type: "yarn", factor: 4, rope_theta: 5e5, original_max_position_embeddings: 32768 };
  for (const json of [
    { ...qwen2, max_position_embeddings: 131072, rope_theta: 1e6 },
    { ...qwen2, max_position_embeddings: 131072, rope_parameters: block },
    { ...qwen2, max_position_embeddings: 131072, rope_theta: 1e6, rope_parameters: block },
    {
      ...qwen3,
      max_position_embeddings: 131072,
      head_dim: 128,
      rope_scaling: block,
      rope_parameters: { rope_theta: 7 },
    },
  ]) {
    const config = parseModelConfig(json);
    const parameters = readRotaryParameters(config);
    expect(parameters).toEqual(readRotaryParameters(json));
    expect(parameters.theta).toBe(config.rope_theta);
    expect(parameters.headDim).toBe(config.head_dim);
  }
});

test.each<[string, Readonly<Record<string, unknown>>]>([
  ["hidden_size", { hidden_size: undefined }],
  ["hidden_size", { hidden_size: 0 }],
  ["hidden_size", { hidden_size: "64" }],
  ["hidden_size", { hidden_size: 64.5 }],
  ["hidden_size", { hidden_size: 2 ** 31 }],
  ["hidden_size", { hidden_size: [64] }],
  ["intermediate_size", { intermediate_size: -1 }],
  ["intermediate_size", { intermediate_size: null }],
  ["num_hidden_layers", { num_hidden_layers: 1e9 }],
  ["num_attention_heads", { num_attention_heads: 3, num_key_value_heads: 3 }],
  ["num_attention_heads", { num_attention_heads: {} }],
  ["num_key_value_heads", { num_key_value_heads: 3 }],
  ["num_key_value_heads", { num_key_value_heads: 8 }],
  ["head_dim", { head_dim: 2 ** 30 }],
  ["head_dim", { head_dim: 0 }],
  ["vocab_size", { vocab_size: undefined }],
  ["rms_norm_eps", { rms_norm_eps: 0 }],
  ["rms_norm_eps", { rms_norm_eps: Number.NaN }],
  ["rms_norm_eps", { rms_norm_eps: Infinity }],
  ["rope_theta", { rope_theta: 0 }],
  ["rope_theta", { rope_theta: "1e6" }],
  ["rope_theta", { rope_theta: Infinity }],
  ["rope_scaling", { rope_scaling: "yarn" }],
  ["rope_parameters", { rope_parameters: [] }],
  ["max_position_embeddings", { max_position_embeddings: 1.5 }],
  ["original_max_position_embeddings", { original_max_position_embeddings: 0 }],
  ["tie_word_embeddings", { tie_word_embeddings: "false" }],
  ["eos_token_id", { eos_token_id: 256 }],
  ["eos_token_id", { eos_token_id: [1, -1] }],
  ["eos_token_id", { eos_token_id: "1" }],
  ["eos_token_id", { eos_token_id: Array(5000).fill(1) }],
  ["bos_token_id", { bos_token_id: 1.5 }],
  ["torch_dtype", { torch_dtype: 16 }],
  ["use_sliding_window", { use_sliding_window: 1 }],
  ["sliding_window", { use_sliding_window: true, sliding_window: 0 }],
  ["layer_types", { layer_types: ["full_attention"] }],
  ["layer_types", { layer_types: "full_attention" }],
  ["quantization_config", { quantization_config: "gptq" }],
  ["model_type", { model_type: undefined }],
  ["model_type", { model_type: 2 }],
])("%s: %j is an error that names the field", (field, change) => {
  expect(() => parseModelConfig({ ...qwen2, ...change })).toThrow(
    expect.objectContaining({ code: "invalid_config", field }),
  );
});

test("what is no object is an error that names the file", () => {
  for (const json of [null, [], "{}", 1, undefined]) {
    expect(() => parseModelConfig(json)).toThrow(expect.objectContaining({ field: "config.json" }));
  }
});

test("fields are not inherited", () => {
  expect(() => parseModelConfig(Object.create(qwen2))).toThrow(InvalidConfigError);
});

test("no JSON makes it fail in another way", () => {
  const names = [
    ...Object.keys(qwen2),
    "head_dim",
    "rope_scaling",
    "layer_types",
    "eos_token_id",
    "rms_norm_eps",
    "architectures",
    "sliding_window",
    "mlp_bias",
  ];
  const anyFamily = fc.constantFrom(qwen2, qwen3, llama, mistral);
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), fc.jsonValue()), anyFamily, (changes, family) => {
      try {
        parseModelConfig({ ...family, ...changes });
      } catch (error) {
        expect(error).toBeInstanceOf(SkeinError);
        expect((error as Error).message).toMatch(/^[^\n]{1,300}$/);
      }
    }),
    { numRuns: 1000 },
  );
});

test("the tensors of a small Qwen2", () => {
  const tensors = expectedTensors(parseModelConfig({ ...qwen2, num_hidden_layers: 1 }));
  const layer = "model.layers.0";
  expect(Object.fromEntries(tensors)).toEqual({
    "model.embed_tokens.weight": [256, 64],
    [`${layer}.input_layernorm.weight`]: [64],
    [`${layer}.self_attn.q_proj.weight`]: [64, 64],
    [`${layer}.self_attn.q_proj.bias`]: [64],
    [`${layer}.self_attn.k_proj.weight`]: [32, 64],
    [`${layer}.self_attn.k_proj.bias`]: [32],
    [`${layer}.self_attn.v_proj.weight`]: [32, 64],
    [`${layer}.self_attn.v_proj.bias`]: [32],
    [`${layer}.self_attn.o_proj.weight`]: [64, 64],
    [`${layer}.post_attention_layernorm.weight`]: [64],
    [`${layer}.mlp.gate_proj.weight`]: [160, 64],
    [`${layer}.mlp.up_proj.weight`]: [160, 64],
    [`${layer}.mlp.down_proj.weight`]: [64, 160],
    "model.norm.weight": [64],
    "lm_head.weight": [256, 64],
  });
});

test("Qwen3 has norms on queries and keys, and biases on all four projections or none", () => {
  const plain = expectedTensors(parseModelConfig(qwen3));
  expect(plain.get("model.layers.2.self_attn.q_norm.weight")).toEqual([128]);
  expect(plain.get("model.layers.2.self_attn.o_proj.weight")).toEqual([64, 512]);
  expect([...plain.keys()].filter((name) => name.endsWith(".bias"))).toEqual([]);
  const biased = expectedTensors(parseModelConfig({ ...qwen3, num_hidden_layers: 1, attention_bias: true }));
  expect([...biased.keys()].filter((name) => name.endsWith(".bias"))).toHaveLength(4);
  expect(biased.get("model.layers.0.self_attn.o_proj.bias")).toEqual([64]);
});

test("Llama has no biases, or those that it asks for; Mistral has none", () => {
  const biases = (json: object) =>
    [...expectedTensors(parseModelConfig({ ...json, num_hidden_layers: 1 })).keys()]
      .filter((name) => name.endsWith(".bias"))
      .map((name) => name.replace(/^model\.layers\.0\.(self_attn|mlp)\./, ""));
  expect(biases(llama)).toEqual([]);
  expect(biases(mistral)).toEqual([]);
  expect(biases({ ...mistral, attention_bias: true, mlp_bias: true })).toEqual([]);
  expect(biases({ ...llama, attention_bias: true })).toEqual([
    "q_proj.bias",
    "k_proj.bias",
    "v_proj.bias",
    "o_proj.bias",
  ]);
  expect(biases({ ...llama, mlp_bias: true })).toEqual(["gate_proj.bias", "up_proj.bias", "down_proj.bias"]);
});

test("a tied head may be there all the same, and so may frequencies", () => {
  const patternsOf = (tied: boolean) => optionalTensors(parseModelConfig({ ...qwen2, tie_word_embeddings: tied }));
  const allows = (tied: boolean, name: string) => patternsOf(tied).some((pattern) => pattern.test(name));
  expect(expectedTensors(parseModelConfig({ ...qwen2, tie_word_embeddings: true })).has("lm_head.weight")).toBe(false);
  expect(allows(true, "lm_head.weight")).toBe(true);
  expect(allows(false, "lm_head.weight")).toBe(false);
  expect(allows(false, "model.layers.10.self_attn.rotary_emb.inv_freq")).toBe(true);
  expect(allows(false, "model.rotary_emb.inv_freq")).toBe(true);
  expect(allows(true, "model.layers.0.self_attn.q_proj.qweight")).toBe(false);
  expect(allows(true, "xlm_head.weight")).toBe(false);
});

test("every model of the fixtures, and the embedded one, has exactly the tensors that are expected", async () => {
  const folders = (await readdir(fixtures)).map((name) => `${name}/`);
  let checked = 0;
  for (const folder of [...folders, "../../models/tiny-qwen2/"]) {
    const config = parseModelConfig(await readFixture(`${folder}config.json`));
    const files = await openDirectory(fileURLToPath(new URL(folder, fixtures)));
    if ((await files.size("model.safetensors")) !== undefined) {
      const index = await openTensors(files);
      checkTensors(index, expectedTensors(config), { optional: optionalTensors(config) });
      expect(new Set(index.names)).toEqual(new Set(expectedTensors(config).keys()));
      checked += 1;
    }
    await files.close();
  }
  expect(checked).toBe(8);
});
