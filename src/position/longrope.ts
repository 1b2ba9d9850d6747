import { InvalidConfigError, show } from "../errors.ts";
import { fieldOf } from "./block.ts";
import { tokensPerRadian } from "./default.ts";
import { isPresent, multiplierRange, readNumber } from "./fields.ts";
import { type MethodSource, readAttentionFactor, readFactor } from "./source.ts";
import type { CommonParameters, RotaryEncoding } from "./types.ts";

/** LongRoPE: a divisor for every pair, one list for sequences within the original window and one for longer ones. */
export interface LongropeParameters extends CommonParameters {
  readonly method: "longrope";
  /** The block's, or else the ratio of `max_position_embeddings` to the original window; the attention scaling's s. */
  readonly factor: number;
  /** [pairs] */
  readonly shortFactors: readonly number[];
  /** [pairs] */
  readonly longFactors: readonly number[];
}

/** @throws InvalidConfigError without the two lists, for wrong lengths, and for elements that are no divisors */
export function readLongrope(source: MethodSource): LongropeParameters {
  const { common, block } = source;
  if (longropeWindow(common) < 2) {
    // The attention scaling divides by its logarithm.
    throw new InvalidConfigError("original_max_position_embeddings", "longrope needs a window of at least 2 tokens");
  }
  const hasFactor = source.options.factor !== undefined || isPresent(block.values.factor);
  return {
    ...common,
    method: "longrope",
    factor: hasFactor ? readFactor(source) : common.maxPositionEmbeddings / longropeWindow(common),
    attentionFactor: readAttentionFactor(block),
    shortFactors: readDivisors(source, "short_factor"),
    longFactors: readDivisors(source, "long_factor"),
  };
}

/**
 * @param sequenceLength - in tokens; absent or within the original window: the short divisors
 * @see LongRoPE, https://arxiv.org/abs/2402.13753
 */
export function longropeEncoding(parameters: LongropeParameters, sequenceLength: number | undefined): RotaryEncoding {
  const { theta, dimensions, shortFactors, longFactors } = parameters;
  const isLong = sequenceLength !== undefined && sequenceLength > longropeWindow(parameters);
  const divisors = isLong ? longFactors : shortFactors;
  const inverseFrequencies = tokensPerRadian(theta, dimensions).map(
    (tokens, pair) => 1 / Math.fround(Math.fround(divisors[pair]!) * tokens),
  );
  return { inverseFrequencies, attentionScaling: longropeAttentionScaling(parameters) };
}

function longropeAttentionScaling(parameters: LongropeParameters): number {
  const { factor, attentionFactor } = parameters;
  if (attentionFactor !== undefined) {
    return attentionFactor;
  }
  return factor <= 1 ? 1 : Math.sqrt(1 + Math.log(factor) / Math.log(longropeWindow(parameters)));
}

function longropeWindow({ originalWindow, maxPositionEmbeddings }: CommonParameters): number {
  return originalWindow ?? maxPositionEmbeddings;
}

function readDivisors({ common, block }: MethodSource, key: "short_factor" | "long_factor"): readonly number[] {
  const field = fieldOf(block, key);
  const list = block.values[key];
  if (!Array.isArray(list)) {
    throw new InvalidConfigError(field, `longrope needs a list of ${common.pairs} numbers, got ${show(list)}`);
  }
  if (list.length !== common.pairs) {
    throw new InvalidConfigError(
      field,
      `must have ${common.pairs} numbers, one for each rotated pair, got ${list.length}`,
    );
  }
  return Array.from(list, (element: unknown, index) => readNumber(element, `${field}[${index}]`, multiplierRange));
}
