import { readSource } from "./parameters.ts";
import type { RotaryConfig, RotaryOptions } from "./types.ts";
import { type CorrectionRange, readYarn, yarnCorrectionRange, yarnRamp } from "./yarn.ts";

/** What YaRN does to the pairs of a head: how many it keeps, blends and interpolates, and the range of the blend. */
export interface YarnPairs extends CorrectionRange {
  readonly kept: number;
  readonly blended: number;
  readonly interpolated: number;
}

/**
 * Which pairs of a model YaRN keeps as they are (the fast ones, from pair 0 on), which it blends, and which it
 * interpolates. `low` and `high` are the bounds of the blend as pair numbers. The declared parameters are used where
 * the configuration declares YaRN, else the defaults, as in `resolveRotaryEncoding` with `method: "yarn"`. With a
 * factor of 1 all pairs keep their frequency, whatever they are counted as.
 *
 * @throws InvalidConfigError naming the field or the option that cannot be followed
 * @example
 * yarnPairs({ head_dim: 128, rope_theta: 1e6, max_position_embeddings: 32768 }, { factor: 4 });
 * // { kept: 24, blended: 16, interpolated: 24, low: 23, high: 40 }
 */
export function yarnPairs(
  config: RotaryConfig,
  options: Pick<RotaryOptions, "factor" | "originalWindow"> = {},
): YarnPairs {
  const { factor, originalWindow } = options;
  const parameters = readYarn(readSource(config, { method: "yarn", factor, originalWindow }));
  const ramp = yarnRamp(parameters);
  const kept = ramp.filter((share) => share === 0).length;
  const interpolated = ramp.filter((share) => share === 1).length;
  return { kept, blended: ramp.length - kept - interpolated, interpolated, ...yarnCorrectionRange(parameters) };
}
