import type { Backend, BlockStore, Weight } from "../backend/backend.ts";
import type { LlamaConfig } from "./config.ts";
import type { Decoder, Weights } from "./decoder.ts";

/**
 * Llama 2 and 3: grouped-query attention, gated SiLU, norms before each block; biases only where `attention_bias` and `mlp_bias` say so. What Llama 3.1 does
 * to its angles (llama3 scaling) is in them already.
 *
 * @see transformers `models/llama/modeling_llama.py`
 */
export function createLlama(config: LlamaConfig, backend: Backend, store: BlockStore, weights: Weights): Decoder {
  const { head_dim: headDim, rms_norm_eps: epsilon, num_hidden_layers: layerCount } = config;
  const scale = 1 / Math.sqrt(headDim);
  const layers = Array.from({ length: layerCount }, (_, layer) => readLayer(`model.layers.${layer}`, weights, config));
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
      const attended = attention(queries, store, index, segments, scale); // [rows, heads · headDim]
      x = linear(attended, layer.o, layer.oBias, x);

      const hidden = rmsNorm(x, layer.postAttentionNorm, epsilon);
      const gate = linear(hidden, layer.gate, layer.gateBias); // [rows, intermediate]
      const up = linear(hidden, layer.up, layer.upBias); // [rows, intermediate]
      x = linear(gatedSilu(gate, up), layer.down, layer.downBias, x);
    }
    if (outputRows.length === 0) return undefined;
    return linear(rmsNorm(takeRows(x, outputRows), norm, epsilon), lmHead); // [outputRows, vocabulary]
  };
}

function readLayer(prefix: string, weights: Weights, config: LlamaConfig) {
  const bias = (isThere: boolean, name: string): Weight | undefined =>
    isThere ? weights(`${prefix}.${name}.bias`) : undefined;
  const { attention_bias: attentionBias, mlp_bias: mlpBias } = config;
  return {
    inputNorm: weights(`${prefix}.input_layernorm.weight`),
    q: weights(`${prefix}.self_attn.q_proj.weight`),
    qBias: bias(attentionBias, "self_attn.q_proj"),
    k: weights(`${prefix}.self_attn.k_proj.weight`),
    kBias: bias(attentionBias, "self_attn.k_proj"),
    v: weights(`${prefix}.self_attn.v_proj.weight`),
    vBias: bias(attentionBias, "self_attn.v_proj"),
    o: weights(`${prefix}.self_attn.o_proj.weight`),
    oBias: bias(attentionBias, "self_attn.o_proj"),
    postAttentionNorm: weights(`${prefix}.post_attention_layernorm.weight`),
    gate: weights(`${prefix}.mlp.gate_proj.weight`),
    gateBias: bias(mlpBias, "mlp.gate_proj"),
    up: weights(`${prefix}.mlp.up_proj.weight`),
    upBias: bias(mlpBias, "mlp.up_proj"),
    down: weights(`${prefix}.mlp.down_proj.weight`),
    downBias: bias(mlpBias, "mlp.down_proj"),
  };
}
