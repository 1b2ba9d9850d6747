import { InvalidConfigError, show } from "../errors.ts";
import { fieldOf } from "./block.ts";
import { tokensPerRadian } from "./default.ts";
import { factorRange, isPresent, readNumber } from "./fields.ts";
import { type MethodSource, readAttentionFactor, readFactor, readNonZero } from "./source.ts";
import type { CommonParameters, RotaryEncoding } from "./types.ts";

/** YaRN: fast pairs keep their frequency, slow ones are interpolated, those between are blended. */
export interface YarnParameters extends CommonParameters {
  readonly method: "yarn";
  readonly factor: number;
  /** Pairs that turn more often than this within the original window are kept. */
  readonly betaFast: number;
  /** Pairs that turn less often than this within the original window are interpolated. */
  readonly betaSlow: number;
  /** Whether the range between the two is widened to whole pairs. */
  readonly truncate: boolean;
  /** DeepSeek's weights of the attention scaling, undefined where 0; they count only where both are there. */
  readonly mscale: number | undefined;
  readonly mscaleAllDim: number | undefined;
}

/** The pairs between which YaRN blends: up to `low` kept, from `high` on interpolated. Not always whole numbers. */
export interface CorrectionRange {
  readonly low: number;
  readonly high: number;
}

/** @throws InvalidConfigError for fields that YaRN cannot follow */
export function readYarn(source: MethodSource): YarnParameters {
  const { common, block } = source;
  if (common.theta <= 1) {
    throw new InvalidConfigError("rope_theta", `yarn needs a base above 1, got ${common.theta}`);
  }
  const betaFast = readNonZero(block, "beta_fast") ?? 32;
  const betaSlow = readNonZero(block, "beta_slow") ?? 1;
  if (betaFast < betaSlow) {
    throw new InvalidConfigError(
      fieldOf(block, isPresent(block.values.beta_fast) ? "beta_fast" : "beta_slow"),
      `beta_fast (${betaFast}) must not be below beta_slow (${betaSlow})`,
    );
  }
  return {
    ...common,
    method: "yarn",
    factor: readYarnFactor(source),
    attentionFactor: readAttentionFactor(block),
    betaFast,
    betaSlow,
    truncate: readTruncate(source),
    mscale: readNonZero(block, "mscale"),
    mscaleAllDim: readNonZero(block, "mscale_all_dim"),
  };
}

/** @see YaRN, https://arxiv.org/abs/2309.00071, section 3.2 and appendix A */
export function yarnEncoding(parameters: YarnParameters): RotaryEncoding {
  const { theta, dimensions } = parameters;
  const factor = Math.fround(parameters.factor);
  const ramp = yarnRamp(parameters);
  const inverseFrequencies = tokensPerRadian(theta, dimensions).map((tokens, pair) => {
    const original = Math.fround(1 / tokens);
    const interpolated = Math.fround(1 / Math.fround(factor * tokens));
    const kept = Math.fround(1 - ramp[pair]!);
    return Math.fround(interpolated * Math.fround(1 - kept)) + Math.fround(original * kept);
  });
  return { inverseFrequencies, attentionScaling: attentionScalingOf(parameters) };
}

/** How much of each pair is interpolated, from 0 (kept as it is) to 1, [pairs]. It does not depend on the factor. */
export function yarnRamp(parameters: YarnParameters): Float32Array {
  const { low, high } = yarnCorrectionRange(parameters);
  const start = Math.fround(low);
  // Equal bounds would divide by zero; the reference moves the upper one by this much.
  const width = Math.fround((low === high ? high + 0.001 : high) - low);
  return new Float32Array(parameters.pairs).map((_, pair) =>
    Math.min(Math.max(Math.fround(pair - start) / width, 0), 1),
  );
}

/**
 * The pairs that turn `betaFast` and `betaSlow` times within the original window, clamped as the reference does it.
 * Where both bounds lie beyond one end, `high` is below `low` and the ramp falls to the other side: kept for what it
 * is, because checkpoints were trained against the reference.
 */
export function yarnCorrectionRange(parameters: YarnParameters): CorrectionRange {
  const { theta, dimensions, betaFast, betaSlow, truncate } = parameters;
  const window = parameters.originalWindow ?? parameters.maxPositionEmbeddings;
  const pairTurning = (turns: number): number =>
    (dimensions * Math.log(window / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
  const fast = pairTurning(betaFast);
  const slow = pairTurning(betaSlow);
  return {
    low: Math.max(truncate ? Math.floor(fast) : fast, 0),
    high: Math.min(truncate ? Math.ceil(slow) : slow, dimensions - 1),
  };
}

function attentionScalingOf({ factor, attentionFactor, mscale, mscaleAllDim }: YarnParameters): number {
  if (attentionFactor !== undefined) {
    return attentionFactor;
  }
  return mscale !== undefined && mscaleAllDim !== undefined
    ? yarnAttentionScaling(factor, mscale) / yarnAttentionScaling(factor, mscaleAllDim)
    : yarnAttentionScaling(factor);
}

/**
 * YaRN's attention scaling where a block does not give one.
 *
 * @param weight - DeepSeek's `mscale`
 * @see YaRN, https://arxiv.org/abs/2309.00071, equation 22
 */
export function yarnAttentionScaling(factor: number, weight = 1): number {
  return factor <= 1 ? 1 : 0.1 * weight * Math.log(factor) + 1;
}

/** A factor that is null beside an explicit original window is the ratio of the windows, as in transformers 5. */
function readYarnFactor(source: MethodSource): number {
  const { common, block, options } = source;
  if (options.factor === undefined && block.values.factor === null && common.originalWindow !== undefined) {
    const ratio = common.maxPositionEmbeddings / common.originalWindow;
    return readNumber(ratio, fieldOf(block, "factor"), factorRange);
  }
  return readFactor(source);
}

function readTruncate({ block }: MethodSource): boolean {
  const { truncate } = block.values;
  if (truncate === undefined) {
    return true;
  }
  if (truncate !== null && typeof truncate !== "boolean") {
    throw new InvalidConfigError(fieldOf(block, "truncate"), `must be true or false, got ${show(truncate)}`);
  }
  // null is false here, not absent: that is how the reference reads it.
  return truncate ?? false;
}
