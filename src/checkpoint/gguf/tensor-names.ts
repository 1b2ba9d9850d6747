/** Names of tensors outside the layers: llama.cpp's, and the checkpoint's. */
const outer: ReadonlyMap<string, string> = new Map([
  ["token_embd.weight", "model.embed_tokens.weight"],
  ["output_norm.weight", "model.norm.weight"],
  ["output.weight", "lm_head.weight"],
]);

/** Those of a layer, without what follows the last dot (`weight` or `bias`). */
const inner: ReadonlyMap<string, string> = new Map([
  ["attn_norm", "input_layernorm"],
  ["attn_q", "self_attn.q_proj"],
  ["attn_k", "self_attn.k_proj"],
  ["attn_v", "self_attn.v_proj"],
  ["attn_output", "self_attn.o_proj"],
  ["attn_q_norm", "self_attn.q_norm"],
  ["attn_k_norm", "self_attn.k_norm"],
  ["ffn_norm", "post_attention_layernorm"],
  ["ffn_gate", "mlp.gate_proj"],
  ["ffn_up", "mlp.up_proj"],
  ["ffn_down", "mlp.down_proj"],
]);

/**
 * @param name - a tensor of a GGUF file: `blk.3.attn_q.weight`
 * @returns its name in a checkpoint, `model.layers.3.self_attn.q_proj.weight`; its own name where llama.cpp has one that checkpoints do not
 * @see llama.cpp `gguf-py/gguf/tensor_mapping.py`
 */
export function checkpointName(name: string): string {
  const known = outer.get(name);
  if (known !== undefined) return known;
  const [, layer, part, kind] = /^blk\.(\d{1,4})\.(\w+)\.(weight|bias)$/.exec(name) ?? [];
  const own = part === undefined ? undefined : inner.get(part);
  return own === undefined ? name : `model.layers.${Number(layer)}.${own}.${kind}`;
}

const outerOfCheckpoint: ReadonlyMap<string, string> = new Map([...outer].map(([own, name]) => [name, own]));
const innerOfCheckpoint: ReadonlyMap<string, string> = new Map([...inner].map(([own, name]) => [name, own]));

/** The way back. @returns the name in a GGUF file; undefined where llama.cpp has none */
export function ggufName(name: string): string | undefined {
  const [, layer, part = "", kind] = /^model\.layers\.(\d{1,4})\.(.+)\.(weight|bias)$/.exec(name) ?? [];
  const own = innerOfCheckpoint.get(part);
  return own === undefined ? outerOfCheckpoint.get(name) : `blk.${layer}.${own}.${kind}`;
}
