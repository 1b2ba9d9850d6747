import type { Backend, BlockStore } from "../backend/backend.ts";
import type { Qwen2Config } from "./config.ts";
import type { Decoder, Weights } from "./decoder.ts";
import { attentionWindow } from "./sliding-window.ts";

/**
 * Qwen2 and Qwen2.5: grouped-query attention with biases on queries, keys and values, gated SiLU, norms before each block.
 *
 * @see transformers `models/qwen2/modeling_qwen2.py`
 */
export function createQwen2(config: Qwen2Config, backend: Backend, store: BlockStore, weights: Weights): Decoder {
  const { head_dim: headDim, rms_norm_eps: epsilon, num_hidden_layers: layerCount } = config;
  const scale = 1 / Math.sqrt(headDim);
  const layers = Array.from({ length: layerCount }, (_, layer) => readLayer(`model.layers.${layer}`, weights));
  const embedTokens = weights("model.embed_tokens.weight");
  const norm = weights("model.norm.weight");
  const lmHead = config.tie_word_embeddings ? embedTokens : weights("lm_head.weight");
  const { embed, linear, rmsNorm, rotate, writeCache, attention, gatedSilu, takeRows } = backend;

  return ({ tokens, segments, rotary, outputRows }) => {
    let x = embed(embedTokens, tokens); // [rows, hidden]
    for (const [index, layer] of layers.entries()) {
      const input = rmsNorm(x, layer.inputNorm, epsilon);
      const queries = rotate(linear(input, layer.q, layer.qBias), headDim, rotary); // [rows, heads · headDim]
      const keys = rotate(linear(input, layer.k, layer.kBias), headDim, rotary); // [rows, kvHeads · headDim]
      const values = linear(input, layer.v, layer.vBias); // [rows, kvHeads · headDim]
      writeCache(store, index, keys, values, segments);
      const window = attentionWindow(config, index);
      const attended = attention(queries, store, index, segments, scale, window); // [rows, heads · headDim]
      x = linear(attended, layer.o, undefined, x);

      const hidden = rmsNorm(x, layer.postAttentionNorm, epsilon);
      const gated = gatedSilu(linear(hidden, layer.gate), linear(hidden, layer.up)); // [rows, intermediate]
      x = linear(gated, layer.down, undefined, x);
    }
    if (outputRows.length === 0) return undefined;
    return linear(rmsNorm(takeRows(x, outputRows), norm, epsilon), lmHead); // [outputRows, vocabulary]
  };
}

function readLayer(prefix: string, weights: Weights) {
  return {
    inputNorm: weights(`${prefix}.input_layernorm.weight`),
    q: weights(`${prefix}.self_attn.q_proj.weight`),
    qBias: weights(`${prefix}.self_attn.q_proj.bias`),
    k: weights(`${prefix}.self_attn.k_proj.weight`),
    kBias: weights(`${prefix}.self_attn.k_proj.bias`),
    v: weights(`${prefix}.self_attn.v_proj.weight`),
    vBias: weights(`${prefix}.self_attn.v_proj.bias`),
    o: weights(`${prefix}.self_attn.o_proj.weight`),
    postAttentionNorm: weights(`${prefix}.post_attention_layernorm.weight`),
    gate: weights(`${prefix}.mlp.gate_proj.weight`),
    up: weights(`${prefix}.mlp.up_proj.weight`),
    down: weights(`${prefix}.mlp.down_proj.weight`),
  };
}
