import type { ModelConfig } from "./config.ts";

/** Powers of two that a pair of channels is scaled by, at most: 2^±10. */
const mostExponent = 10;

/**
 * Watches the weights go by and finds out how large the channels of queries and keys are going to be, in order to say which pairs of key channels to
 * scale down.
 *
 * Qwen2's key biases make a few channels of each head tens of times as large as the others. In a cache of 8 bits with one scale to a key those few take
 * all the accuracy. Dividing a rotated pair of key channels by a number and multiplying the query's pair by the same leaves all scores
 * as they are, and commutes with rotation. With powers of two it is exact as well.
 *
 * A channel of x · Wᵀ + b is about √(b² + Σ (W · gain)²) large, since the norm before it gives x a mean square of 1 before its gain. Where queries and
 * keys have norms of their own (Qwen3), it is as large as the norm's gain.
 *
 * @see Xiao et al., SmoothQuant (2211.10438), section 4: the factor that shares the difficulty between both sides evenly
 */
export class KeyScaleFinder {
  readonly #config: ModelConfig;
  readonly #gains = new Map<number, Float32Array>();
  /** Sums of squares, [heads · headDim], by layer. */
  readonly #queries: Float64Array[] = [];
  readonly #keys: Float64Array[] = [];

  constructor(config: ModelConfig) {
    const { num_hidden_layers: layers, num_attention_heads: heads, num_key_value_heads: keyHeads, head_dim } = config;
    this.#config = config;
    for (let layer = 0; layer < layers; layer++) {
      this.#queries.push(new Float64Array(heads * head_dim));
      this.#keys.push(new Float64Array(keyHeads * head_dim));
    }
  }

  /**
   * Takes note of a piece of a tensor. A layer's first norm has to come before its projections.
   * @param start - index of the piece's first number in the tensor
   */
  observe(name: string, start: number, numbers: Float32Array): void {
    const match = /^model\.layers\.(\d+)\.(input_layernorm|self_attn\.([qk])_(proj|norm))\.(weight|bias)$/.exec(name);
    if (!match) return;
    const layer = Number(match[1]);
    if (match[2] === "input_layernorm") {
      this.#gains.set(layer, numbers.slice());
      return;
    }
    const sums = (match[3] === "q" ? this.#queries : this.#keys)[layer]!;
    const hasNorms = this.#config.model_type === "qwen3";
    if (match[4] === "norm") {
      for (let channel = 0; channel < sums.length; channel++)
        sums[channel] = numbers[channel % this.#config.head_dim]! ** 2;
    } else if (hasNorms) return;
    else if (match[5] === "bias") {
      for (let channel = 0; channel < sums.length; channel++) sums[channel]! += numbers[channel]! ** 2;
    } else this.#addRows(sums, this.#gains.get(layer)!, start, numbers);
  }

  /**
   * The exponents e: keys are to be multiplied by 2^-e, and queries by 2^e.
   *
   * @param pairs - how many pairs of channels are rotated: channel j with j + pairs
   * @returns [layers, keyValueHeads, pairs]
   */
  exponents(pairs: number): Int8Array<ArrayBuffer> {
    const {
      num_hidden_layers: layers,
      num_key_value_heads: keyHeads,
      num_attention_heads: heads,
      head_dim,
    } = this.#config;
    const out = new Int8Array(layers * keyHeads * pairs);
    const group = heads / keyHeads;
    for (let layer = 0; layer < layers; layer++) {
      for (let keyHead = 0; keyHead < keyHeads; keyHead++) {
        const wanted = Float64Array.from({ length: pairs }, (_, pair) => {
          const key = pairSum(this.#keys[layer]!, keyHead * head_dim, pair, pairs);
          let query = 0;
          for (let head = keyHead * group; head < (keyHead + 1) * group; head++)
            query += pairSum(this.#queries[layer]!, head * head_dim, pair, pairs) / group;
          // The square root of the ratio of sizes, which are square roots themselves.
          return key > 0 && query > 0 ? Math.log2(key / query) / 4 : 0;
        });
        // What all pairs have in common changes nothing.
        const middle = wanted.toSorted()[pairs >> 1] ?? 0;
        for (let pair = 0; pair < pairs; pair++) {
          const exponent = Math.round(wanted[pair]! - middle);
          out[(layer * keyHeads + keyHead) * pairs + pair] = Math.max(-mostExponent, Math.min(mostExponent, exponent));
        }
      }
    }
    return out;
  }

  #addRows(sums: Float64Array, gains: Float32Array, start: number, numbers: Float32Array): void {
    const { hidden_size: hidden } = this.#config;
    for (let row = 0; row * hidden < numbers.length; row++) {
      let sum = 0;
      for (let i = 0; i < hidden; i++) sum += (numbers[row * hidden + i]! * gains[i]!) ** 2;
      sums[start / hidden + row]! += sum;
    }
  }
}

/**
 * What keys are multiplied by before they are cached, [layers, keyValueHeads, headDim].
 * @param exponents - see {@link KeyScaleFinder.exponents}
 */
export function keyScales(config: ModelConfig, exponents: Int8Array, pairs: number): Float32Array {
  const { num_hidden_layers: layers, num_key_value_heads: keyHeads, head_dim } = config;
  const out = new Float32Array(layers * keyHeads * head_dim).fill(1);
  for (let head = 0; head < layers * keyHeads; head++) {
    for (let pair = 0; pair < pairs; pair++) {
      const scale = 2 ** -exponents[head * pairs + pair]!;
      out[head * head_dim + pair] = scale;
      out[head * head_dim + pair + pairs] = scale;
    }
  }
  return out;
}

/** @returns whether this may come of {@link KeyScaleFinder.exponents}; what is kept on a disk may be anything */
export function areExponents(value: unknown, length: number): value is readonly number[] {
  if (!Array.isArray(value) || value.length !== length) return false;
  return value.every((exponent) => Number.isInteger(exponent) && Math.abs(exponent) <= mostExponent);
}

function pairSum(sums: Float64Array, head: number, pair: number, pairs: number): number {
  return sums[head + pair]! + sums[head + pair + pairs]!;
}
