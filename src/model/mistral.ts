import type { Backend, BlockStore } from "../backend/backend.ts";
import type { MistralConfig } from "./config.ts";
import type { Decoder, Weights } from "./decoder.ts";
import { attentionWindow } from "./sliding-window.ts";

/**
 * Mistral: grouped-query attention without biases, gated SiLU, norms before each block; every layer sees the last `sliding_window` tokens only, where the
 * configuration has one (the first version, 0.1, has; later ones see all).
 *
 * @see transformers `models/mistral/modeling_mistral.py`
 */
export function createMistral(config: MistralConfig, backend: Backend, store: BlockStore, weights: Weights): Decoder {
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
      const queries = rotate(linear(input, layer.q), headDim, rotary); // [rows, heads · headDim]
      const keys = rotate(linear(input, layer.k), headDim, rotary); // [rows, kvHeads · headDim]
      writeCache(store, index, keys, linear(input, layer.v), segments);
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
    k: weights(`${prefix}.self_attn.k_proj.weight`),
    v: weights(`${prefix}.self_attn.v_proj.weight`),
    o: weights(`${prefix}.self_attn.o_proj.weight`),
    postAttentionNorm: weights(`${prefix}.post_attention_layernorm.weight`),
    gate: weights(`${prefix}.mlp.gate_proj.weight`),
    up: weights(`${prefix}.mlp.up_proj.weight`),
    down: weights(`${prefix}.mlp.down_proj.weight`),
  };
}
