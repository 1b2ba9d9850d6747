import type { KeyScales } from "../backend/backend.ts";
import type { ModelConfig } from "./config.ts";

/** A pair is an outlier whose keys are 2^3 times as large as usual, beside its queries. */
const outlierRatio = 3;
/** How much of the unevenness of a head with outliers its queries take over. */
const fineShare = 0.6;

const watched = /^model\.layers\.(\d+)\.(input_layernorm|self_attn\.([qk])_(proj|norm))\.(weight|bias)$/;

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

  /** Whether a tensor has to be observed. */
  watches(name: string): boolean {
    return watched.test(name);
  }

  /**
   * Takes note of a piece of a tensor. A layer's first norm has to come before its projections.
   * @param start - index of the piece's first number in the tensor
   */
  observe(name: string, start: number, numbers: Float32Array): void {
    const match = watched.exec(name);
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
   * Where channels are not very uneven, both sides share the difficulty: e is half of what would make keys even. A head with outliers gets fine queries,
   * of 13 bits, which can take more of it; its keys are made as even as that allows.
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
        const ratios = Float64Array.from({ length: pairs }, (_, pair) => {
          const key = pairSum(this.#keys[layer]!, keyHead * head_dim, pair, pairs);
          let query = 0;
          for (let head = keyHead * group; head < (keyHead + 1) * group; head++)
            query += pairSum(this.#queries[layer]!, head * head_dim, pair, pairs) / group;
          // Of sizes, which are square roots.
          return key > 0 && query > 0 ? Math.log2(key / query) / 2 : 0;
        });
        // What all pairs have in common changes nothing.
        const middle = ratios.toSorted()[pairs >> 1] ?? 0;
        const largest = ratios.reduce((most, ratio) => Math.max(most, ratio - middle), 0);
        const share = largest >= outlierRatio ? fineShare : 0.5;
        for (let pair = 0; pair < pairs; pair++) {
          const exponent = Math.round((ratios[pair]! - middle) * share);
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
 * What a cache is to do to keys.
 * @param exponents - see {@link KeyScaleFinder.exponents}
 */
export function keyScales(config: ModelConfig, exponents: Int8Array, pairs: number): KeyScales {
  const { num_hidden_layers: layers, num_key_value_heads: keyHeads, head_dim } = config;
  const multipliers = new Float32Array(layers * keyHeads * head_dim).fill(1);
  const fineHeads = new Uint8Array(layers * keyHeads);
  for (let head = 0; head < fineHeads.length; head++) {
    for (let pair = 0; pair < pairs; pair++) {
      const exponent = exponents[head * pairs + pair]!;
      multipliers.fill(2 ** -exponent, head * head_dim + pair, head * head_dim + pair + 1);
      multipliers.fill(2 ** -exponent, head * head_dim + pair + pairs, head * head_dim + pair + pairs + 1);
      // Only a head with outliers has such exponents: 0.6 · 3 rounds to 2, half of less to 1.
      if (exponent >= outlierRatio * fineShare - 0.5) fineHeads[head] = 1;
    }
  }
  return { multipliers, fineHeads };
}

/** @returns whether this may come of {@link KeyScaleFinder.exponents}; what is kept on a disk may be anything */
export function areExponents(value: unknown, length: number): value is readonly number[] {
  if (!Array.isArray(value) || value.length !== length) return false;
  return value.every((exponent) => Number.isInteger(exponent) && Math.abs(exponent) <= mostExponent);
}

function pairSum(sums: Float64Array, head: number, pair: number, pairs: number): number {
  return sums[head + pair]! + sums[head + pair + pairs]!;
}
