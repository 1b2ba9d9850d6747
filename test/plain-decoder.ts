/*
 * A second implementation of Llama, Mistral and Qwen2, for tests: plain loops in float64 over a checkpoint's numbers, one token after the other, written after the
 * papers and transformers' modules and sharing nothing with src/. It stands in for a reference where `fixtures/` has none.
 */

/** What it reads of a `config.json`; all of it has to be there. */
export interface PlainConfig {
  readonly vocab_size: number;
  readonly hidden_size: number;
  readonly num_hidden_layers: number;
  readonly num_attention_heads: number;
  readonly num_key_value_heads: number;
  readonly head_dim: number;
  readonly rms_norm_eps: number;
  readonly rope_theta: number;
  readonly tie_word_embeddings: boolean;
  readonly rope_scaling?: {
    readonly factor: number;
    readonly low_freq_factor: number;
    readonly high_freq_factor: number;
    readonly original_max_position_embeddings: number;
  };
}

/**
 * @param windowOf - how many tokens a layer sees
 * @returns the logits of all tokens, [tokens, vocabulary]
 */
export async function plainLogits(
  checkpoint: Blob,
  config: PlainConfig,
  tokens: readonly number[],
  windowOf: (layer: number) => number = () => Infinity,
): Promise<Float64Array> {
  const tensors = readTensors(new Uint8Array(await checkpoint.arrayBuffer()));
  const { hidden_size: hidden, head_dim: headDim, num_attention_heads: heads, num_key_value_heads: keyHeads } = config;
  const embedding = tensors.get("model.embed_tokens.weight")!;
  const frequencies = inverseFrequencies(config);
  const cache = Array.from({ length: config.num_hidden_layers }, () => ({
    keys: [] as number[][], // [tokens][keyHeads · headDim]
    values: [] as number[][],
  }));
  const logits: number[] = [];

  const project = (name: string, x: readonly number[]): number[] => {
    const weight = tensors.get(`${name}.weight`)!;
    const bias = tensors.get(`${name}.bias`);
    return Array.from({ length: weight.length / x.length }, (_, out) =>
      x.reduce((sum, value, i) => sum + value * weight[out * x.length + i]!, bias?.[out] ?? 0),
    );
  };
  const norm = (name: string, x: readonly number[]): number[] => {
    const gain = tensors.get(`${name}.weight`)!;
    const size = Math.sqrt(x.reduce((sum, value) => sum + value * value, 0) / x.length + config.rms_norm_eps);
    return x.map((value, i) => (value / size) * gain[i]!);
  };
  const turn = (x: readonly number[], position: number): number[] =>
    x.map((value, i) => {
      const [channel, half] = [i % headDim, headDim / 2];
      const angle = position * frequencies[channel % half]!;
      const other = channel < half ? -x[i + half]! : x[i - half]!;
      return value * Math.cos(angle) + other * Math.sin(angle);
    });

  for (const [position, token] of tokens.entries()) {
    let x = Array.from(embedding.subarray(token * hidden, (token + 1) * hidden));
    for (const [layer, { keys, values }] of cache.entries()) {
      const prefix = `model.layers.${layer}`;
      const input = norm(`${prefix}.input_layernorm`, x);
      const query = turn(project(`${prefix}.self_attn.q_proj`, input), position);
      keys.push(turn(project(`${prefix}.self_attn.k_proj`, input), position));
      values.push(project(`${prefix}.self_attn.v_proj`, input));
      const attended: number[] = [];
      for (let head = 0; head < heads; head++) {
        const keyHead = Math.floor(head / (heads / keyHeads)) * headDim;
        const weights = keys.map((key, at) => {
          if (at <= position - windowOf(layer)) return 0;
          let score = 0;
          for (let i = 0; i < headDim; i++) score += query[head * headDim + i]! * key[keyHead + i]!;
          return Math.exp(score / Math.sqrt(headDim));
        });
        const sum = weights.reduce((a, b) => a + b);
        for (let i = 0; i < headDim; i++)
          attended.push(weights.reduce((total, w, at) => total + w * values[at]![keyHead + i]!, 0) / sum);
      }
      const output = project(`${prefix}.self_attn.o_proj`, attended);
      x = x.map((value, i) => value + output[i]!);
      const between = norm(`${prefix}.post_attention_layernorm`, x);
      const up = project(`${prefix}.mlp.up_proj`, between);
      const gated = project(`${prefix}.mlp.gate_proj`, between).map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!);
      const down = project(`${prefix}.mlp.down_proj`, gated);
      x = x.map((value, i) => value + down[i]!);
    }
    logits.push(...project(config.tie_word_embeddings ? "model.embed_tokens" : "lm_head", norm("model.norm", x)));
  }
  return Float64Array.from(logits);
}

/** @see https://github.com/meta-llama/llama-models `models/llama3/model.py`, `apply_scaling` */
function inverseFrequencies({ rope_theta: theta, head_dim: headDim, rope_scaling: scaling }: PlainConfig): number[] {
  const plain = Array.from({ length: headDim / 2 }, (_, pair) => theta ** ((-2 * pair) / headDim));
  if (!scaling) return plain;
  const { factor, low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: window } = scaling;
  return plain.map((frequency) => {
    const wavelength = (2 * Math.PI) / frequency;
    if (wavelength < window / high) return frequency;
    if (wavelength > window / low) return frequency / factor;
    const smooth = (window / wavelength - low) / (high - low);
    return ((1 - smooth) * frequency) / factor + smooth * frequency;
  });
}

/** The tensors of a safetensors file of float32. */
function readTensors(bytes: Uint8Array<ArrayBuffer>): Map<string, Float32Array> {
  const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const header: Record<string, { data_offsets: [number, number] }> = JSON.parse(
    new TextDecoder().decode(bytes.subarray(8, 8 + length)),
  );
  const start = 8 + length;
  return new Map(
    Object.entries(header).map(
      ([
        name,
        {
          data_offsets: [from, to],
        },
      ]) => [name, new Float32Array(bytes.buffer.slice(start + from, start + to))],
    ),
  );
}
