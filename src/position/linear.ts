import { inverseFrequencies } from "./default.ts";
import { type MethodSource, readFactor } from "./source.ts";
import type { CommonParameters, RotaryEncoding } from "./types.ts";

/** Position interpolation: every pair turns `factor` times slower. */
export interface LinearParameters extends CommonParameters {
  readonly method: "linear";
  readonly factor: number;
}

/** @throws InvalidConfigError without a factor of at least 1 */
export function readLinear(source: MethodSource): LinearParameters {
  return { ...source.common, method: "linear", factor: readFactor(source) };
}

/** @see Extending Context Window of Large Language Models via Position Interpolation, https://arxiv.org/abs/2306.15595 */
export function linearEncoding({ theta, dimensions, factor }: LinearParameters): RotaryEncoding {
  const divisor = Math.fround(factor);
  return {
    inverseFrequencies: inverseFrequencies(theta, dimensions).map((frequency) => frequency / divisor),
    attentionScaling: 1,
  };
}
