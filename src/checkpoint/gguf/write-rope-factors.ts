import { UnsupportedError } from "../../errors.ts";
import { type RotaryConfig, readRotaryParameters, resolveRotaryEncoding } from "../../position/index.ts";
import { llama3Factors } from "./rope-factors.ts";

/**
 * What llama.cpp divides the frequency of each pair by, where the scaling is one that its `llama` has as a tensor (`rope_freqs.weight`): the way back from
 * `scalingOfFactors`.
 *
 * @returns [pairs]; undefined for a scaling that has keys of the metadata, or for none
 * @throws UnsupportedError for divisors that depend on the length, or come with an attention scaling
 */
export function ropeFactorsOf(config: RotaryConfig): Float32Array<ArrayBuffer> | undefined {
  const rotary = readRotaryParameters(config);
  if (rotary.method === "llama3") {
    const { pairs, theta, factor, lowFrequencyFactor, highFrequencyFactor, originalWindow } = rotary;
    return Float32Array.from(
      llama3Factors(pairs, theta, {
        factor,
        low_freq_factor: lowFrequencyFactor,
        high_freq_factor: highFrequencyFactor,
        original_max_position_embeddings: originalWindow,
      }),
    );
  }
  if (rotary.method !== "longrope") return undefined;
  const { shortFactors, longFactors } = rotary;
  const isOne = shortFactors.every((divisor, pair) => divisor === longFactors[pair]);
  if (isOne && resolveRotaryEncoding(config).attentionScaling === 1) return Float32Array.from(shortFactors);
  throw new UnsupportedError(
    "a scaling of type longrope cannot be written as GGUF: llama.cpp's llama has one list of divisors, for every length, and no attention scaling beside it",
  );
}
