import { type RotaryConfig, type RotaryOptions, resolveRotaryEncoding, yarnPairs } from "../../position/index.ts";
import type { Subject } from "../result.ts";

export type PairKind = "kept" | "blended" | "interpolated";

/** A rotated pair of a head, and what scaling does to it. */
export interface StretchedPair {
  /** From 0, the fastest. */
  readonly pair: number;
  /** Wavelengths in tokens. */
  readonly before: number;
  readonly after: number;
  /** Of YaRN; of other methods what comes of it. */
  readonly kind: PairKind;
}

type Scaling = "yarn" | "linear" | "dynamic";

/** Which scaling a method of an evaluation is; undefined for none, and for what a server does. */
export function scalingOf(method: string): Scaling | undefined {
  if (method.startsWith("yarn-")) return "yarn";
  if (method === "linear" || method === "linear-dynamic") return "linear";
  return method === "ntk" ? "dynamic" : undefined;
}

/**
 * What a method does to each pair at its largest factor.
 *
 * @returns undefined where the rotary encoding is not known
 * @throws InvalidConfigError for a subject that no model is like
 */
export function stretchedPairs(
  { rotary, originalWindow }: Subject,
  method: Scaling,
  factor: number,
): readonly StretchedPair[] | undefined {
  if (!rotary) return undefined;
  const config: RotaryConfig = {
    head_dim: rotary.headDim,
    rope_theta: rotary.ropeTheta,
    max_position_embeddings: originalWindow,
  };
  const wavelengths = (options: RotaryOptions): readonly number[] =>
    Array.from(resolveRotaryEncoding(config, options).inverseFrequencies, (frequency) => (2 * Math.PI) / frequency);
  const before = wavelengths({ method: "default" });
  const after = wavelengths({ method, factor, sequenceLength: originalWindow * factor });
  const { kept, blended } = yarnPairs(config, { factor });
  const kindOf = (pair: number): PairKind => {
    if (method !== "yarn") return after[pair] === before[pair] ? "kept" : "interpolated";
    return pair < kept ? "kept" : pair < kept + blended ? "blended" : "interpolated";
  };
  return before.map((wavelength, pair) => ({
    ...{ pair, before: wavelength, after: after[pair]!, kind: kindOf(pair) },
  }));
}
