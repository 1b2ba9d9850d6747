import { expect, test } from "vitest";
import { UnsupportedError } from "../../errors.ts";
import { openBlobs } from "../blobs.ts";
import { configOfGguf } from "./config.ts";
import { readGgufHeader } from "./header.ts";
import { metadataOfConfig, type WrittenConfig } from "./write-config.ts";
import { encodeGgufHeader, tensorBytes, type WrittenTensor } from "./write-header.ts";

const qwen3: WrittenConfig = {
  model_type: "qwen3",
  vocab_size: 96,
  hidden_size: 64,
  intermediate_size: 192,
  num_hidden_layers: 3,
  num_attention_heads: 8,
  num_key_value_heads: 2,
  head_dim: 16,
  rms_norm_eps: 1e-6,
  rope_theta: 1e6,
  max_position_embeddings: 40960,
  attention_bias: false,
};

/** What a reader of the file sees. */
async function readBack(config: WrittenConfig): Promise<Readonly<Record<string, unknown>>> {
  const tensor: WrittenTensor = { name: "token_embd.weight", shape: [96, config.hidden_size], type: "F32" };
  const parts = [encodeGgufHeader(metadataOfConfig(config), [tensor]), new Uint8Array(tensorBytes(tensor))];
  const files = openBlobs({ "model.gguf": new Blob(parts) });
  return configOfGguf(await readGgufHeader(files, "model.gguf"));
}

test("a configuration comes back as it was; heads that are wider than their share too", async () => {
  expect(await readBack(qwen3)).toMatchObject(qwen3);
  const qwen2 = { ...qwen3, model_type: "qwen2", head_dim: 8 };
  expect(await readBack(qwen2)).toMatchObject(qwen2);
  expect(metadataOfConfig(qwen2)).not.toHaveProperty(["qwen2.attention.key_length"]);
});

test("the base of the frequencies, also from inside the block of transformers 5", async () => {
  const { rope_theta: _, ...others } = qwen3;
  const written = { ...others, rope_parameters: { rope_type: "default", rope_theta: 5e6 } };
  expect(await readBack(written)).toMatchObject({ rope_theta: 5e6 });
});

test.for([
  [{ rope_type: "linear", factor: 2.5 }],
  [{ type: "yarn", factor: 4, original_max_position_embeddings: 32768 }],
  [{ rope_type: "yarn", factor: 2 }],
  [{ rope_type: "yarn", factor: 8, beta_fast: 16, beta_slow: 2, original_max_position_embeddings: 5120 }],
] as const)("scaling: %o", async ([block]) => {
  const { type, ...others } = { type: undefined, ...block };
  const { rope_scaling } = await readBack({ ...qwen3, rope_scaling: block });
  expect(rope_scaling).toEqual({ ...(type === undefined ? {} : { rope_type: type }), ...others });
});

test("an attention scaling is a multiple of the usual one in llama.cpp, and comes back as itself", async () => {
  const usual = 0.1 * Math.log(4) + 1;
  const block = { rope_type: "yarn", factor: 4, attention_factor: 1.5 };
  const config = { ...qwen3, rope_scaling: block };
  expect(metadataOfConfig(config)["qwen3.rope.scaling.attn_factor"]).toEqual({ type: "float32", value: 1.5 / usual });
  expect((await readBack(config)).rope_scaling).toMatchObject({ attention_factor: expect.closeTo(1.5, 6) });
  // mscale / mscale_all_dim come to an attention scaling too.
  const deep = metadataOfConfig({
    ...qwen3,
    rope_scaling: { rope_type: "yarn", factor: 4, mscale: 2, mscale_all_dim: 1 },
  });
  expect(deep["qwen3.rope.scaling.attn_factor"]).toMatchObject({
    value: expect.closeTo((0.2 * Math.log(4) + 1) / usual / usual, 9),
  });
});

test.for([
  ["sliding attention", { sliding_window: 4096 }, /sliding_window 4096 cannot be written/],
  ["another architecture", { model_type: "gemma3" }, /"gemma3" cannot be written/],
  ["biases that llama.cpp's qwen3 lacks", { attention_bias: true }, /attention_bias/],
  ["dynamic NTK", { rope_scaling: { rope_type: "dynamic", factor: 2 } }, /type dynamic cannot/],
  ["ranges that are not whole", { rope_scaling: { rope_type: "yarn", factor: 2, truncate: false } }, /truncate/],
] as const)("what a file cannot say is refused: %s", ([, changes, message]) => {
  expect(() => metadataOfConfig({ ...qwen3, ...changes })).toThrow(UnsupportedError);
  expect(() => metadataOfConfig({ ...qwen3, ...changes })).toThrow(message);
});

const llama3 = { rope_type: "llama3", factor: 8, low_freq_factor: 1, high_freq_factor: 4 };

test("Llama and Mistral are llama.cpp's llama; scaling that is a tensor has no keys", () => {
  const block = { ...llama3, original_max_position_embeddings: 8192 };
  const llama = metadataOfConfig({ ...qwen3, model_type: "llama", rope_scaling: block });
  expect(llama).toMatchObject({
    "general.architecture": { value: "llama" },
    "llama.vocab_size": { type: "uint32", value: 96 },
    "llama.rope.dimension_count": { type: "uint32", value: 16 },
    "llama.attention.key_length": { value: 16 },
  });
  expect(Object.keys(llama).filter((key) => /scaling|sliding/.test(key))).toEqual([]);
  const mistral = metadataOfConfig({ ...qwen3, model_type: "mistral", sliding_window: 40 });
  expect(mistral["llama.attention.sliding_window"]).toEqual({ type: "uint32", value: 40 });
  expect(() => metadataOfConfig({ ...qwen3, rope_scaling: block })).toThrow(/llama3 cannot be written/);
});
