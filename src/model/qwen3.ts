import type { Backend, BlockStore, Weight } from "../backend/backend.ts";
import type { Qwen3Config } from "./config.ts";
import type { Decoder, Weights } from "./decoder.ts";
import { attentionWindow } from "./sliding-window.ts";

/**
 * Qwen3, dense: as Qwen2, with a norm on every query and key head before they are rotated, a head width of its own, and biases only where
 * `attention_bias` says so.
 *
 * @see transformers `models/qwen3/modeling_qwen3.py`
 */
export function createQwen3(config: Qwen3Config, backend: Backend, store: BlockStore, weights: Weights): Decoder {
  const { head_dim: headDim, rms_norm_eps: epsilon, num_hidden_layers: layerCount } = config;
  const scale = 1 / Math.sqrt(headDim);
  const bias = (name: string): Weight | undefined => (config.attention_bias ? weights(name) : undefined);
  const layers = Array.from({ length: layerCount }, (_, layer) => readLayer(`model.layers.${layer}`, weights, bias));
  const embedTokens = weights("model.embed_tokens.weight");
  const norm = weights("model.norm.weight");
  const lmHead = config.tie_word_embeddings ? embedTokens : weights("lm_head.weight");
  const { embed, linear, rmsNorm, rotate, writeCache, attention, gatedSilu, takeRows } = backend;

  return ({ tokens, segments, rotary, outputRows }) => {
    let x = embed(embedTokens, tokens); // [rows, hidden]
    for (const [index, layer] of layers.entries()) {
      const input = rmsNorm(x, layer.inputNorm, epsilon);
      const queries = rmsNorm(linear(input, layer.q, layer.qBias), layer.qNorm, epsilon); // [rows, heads · headDim]
      const keys = rmsNorm(linear(input, layer.k, layer.kBias), layer.kNorm, epsilon); // [rows, kvHeads · headDim]
      const values = linear(input, layer.v, layer.vBias); // [rows, kvHeads · headDim]
      writeCache(store, index, rotate(keys, headDim, rotary), values, segments);
      const window = attentionWindow(config, index);
      const rotated = rotate(queries, headDim, rotary);
      const attended = attention(rotated, store, index, segments, scale, window); // [rows, heads · headDim]
      x = linear(attended, layer.o, layer.oBias, x);

      const hidden = rmsNorm(x, layer.postAttentionNorm, epsilon);
      const gated = gatedSilu(linear(hidden, layer.gate), linear(hidden, layer.up)); // [rows, intermediate]
      x = linear(gated, layer.down, undefined, x);
    }
    if (outputRows.length === 0) return undefined;
    return linear(rmsNorm(takeRows(x, outputRows), norm, epsilon), lmHead); // [outputRows, vocabulary]
  };
}

function readLayer(prefix: string, weights: Weights, bias: (name: string) => Weight | undefined) {
  return {
    inputNorm: weights(`${prefix}.input_layernorm.weight`),
    q: weights(`${prefix}.self_attn.q_proj.weight`),
    qBias: bias(`${prefix}.self_attn.q_proj.bias`),
    qNorm: weights(`${prefix}.self_attn.q_norm.weight`),
    k: weights(`${prefix}.self_attn.k_proj.weight`),
    kBias: bias(`${prefix}.self_attn.k_proj.bias`),
    kNorm: weights(`${prefix}.self_attn.k_norm.weight`),
    v: weights(`${prefix}.self_attn.v_proj.weight`),
    vBias: bias(`${prefix}.self_attn.v_proj.bias`),
    o: weights(`${prefix}.self_attn.o_proj.weight`),
    oBias: bias(`${prefix}.self_attn.o_proj.bias`),
    postAttentionNorm: weights(`${prefix}.post_attention_layernorm.weight`),
    gate: weights(`${prefix}.mlp.gate_proj.weight`),
    up: weights(`${prefix}.mlp.up_proj.weight`),
    down: weights(`${prefix}.mlp.down_proj.weight`),
  };
}
