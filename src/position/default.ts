import type { MethodSource } from "./source.ts";
import type { CommonParameters, RotaryEncoding } from "./types.ts";

/** Plain RoPE. */
export interface DefaultParameters extends CommonParameters {
  readonly method: "default";
}

/** Reads nothing of the block: whatever else a block of type `default` holds has no meaning. */
export function readDefault({ common }: MethodSource): DefaultParameters {
  return { ...common, method: "default" };
}

/** @see RoFormer, https://arxiv.org/abs/2104.09864, section 3.2.2 */
export function defaultEncoding({ theta, dimensions }: CommonParameters): RotaryEncoding {
  return { inverseFrequencies: inverseFrequencies(theta, dimensions), attentionScaling: 1 };
}

/** θ^(-2j/dimensions) for each pair j, in radians per token, [dimensions / 2]. */
export function inverseFrequencies(theta: number, dimensions: number): Float32Array {
  return tokensPerRadian(theta, dimensions).map((tokens) => 1 / tokens);
}

/**
 * θ^(2j/dimensions) for each pair j, [dimensions / 2]. The base, the exponent and the power are rounded to float32 one
 * after the other, as tensors of float32 would be.
 */
export function tokensPerRadian(theta: number, dimensions: number): Float32Array {
  const base = Math.fround(theta);
  return Float32Array.from({ length: dimensions / 2 }, (_, pair) => base ** Math.fround((2 * pair) / dimensions));
}
