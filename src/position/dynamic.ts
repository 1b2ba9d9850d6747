import { InvalidConfigError } from "../errors.ts";
import { inverseFrequencies } from "./default.ts";
import { type MethodSource, readFactor } from "./source.ts";
import type { CommonParameters, RotaryEncoding } from "./types.ts";

/** Dynamic NTK: the base grows with the length of the sequence, once that is past the window. */
export interface DynamicParameters extends CommonParameters {
  readonly method: "dynamic";
  readonly factor: number;
  /** The length in tokens from which the base grows. */
  readonly growthWindow: number;
}

/** @throws InvalidConfigError without a factor of at least 1, or with a single rotated pair */
export function readDynamic(source: MethodSource): DynamicParameters {
  const { common, options } = source;
  if (common.dimensions <= 2) {
    // The exponent is dimensions / (dimensions - 2).
    throw new InvalidConfigError("head_dim", `dynamic needs at least 4 rotated dimensions, got ${common.dimensions}`);
  }
  return {
    ...common,
    method: "dynamic",
    factor: readFactor(source),
    // Not what the configuration calls the original window: transformers does not read that for this method.
    originalWindow: options.originalWindow,
    growthWindow: options.originalWindow ?? common.maxPositionEmbeddings,
  };
}

/**
 * @param sequenceLength - in tokens; absent or within the window, the encoding is the default one
 * @throws InvalidConfigError where the grown base leaves float32
 * @see https://www.reddit.com/r/LocalLLaMA/comments/14mrgpr/dynamically_scaled_rope_further_increases/
 */
export function dynamicEncoding(parameters: DynamicParameters, sequenceLength: number | undefined): RotaryEncoding {
  const { theta, dimensions, factor, growthWindow } = parameters;
  const length = Math.max(sequenceLength ?? growthWindow, growthWindow);
  const growth = (factor * length) / growthWindow - (factor - 1);
  const base = theta * growth ** (dimensions / (dimensions - 2));
  if (!Number.isFinite(Math.fround(base))) {
    throw new InvalidConfigError("sequenceLength", `${length} tokens are too many for a window of ${growthWindow}`);
  }
  return { inverseFrequencies: inverseFrequencies(base, dimensions), attentionScaling: 1 };
}
