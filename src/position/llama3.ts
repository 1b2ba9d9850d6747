import { InvalidConfigError } from "../errors.ts";
import { fieldOf } from "./block.ts";
import { inverseFrequencies } from "./default.ts";
import { multiplierRange, readNumber } from "./fields.ts";
import { type MethodSource, readFactor } from "./source.ts";
import type { CommonParameters, RotaryEncoding } from "./types.ts";

/** Llama 3.1: pairs of a short wavelength are kept, those of a long one interpolated, those between blended. */
export interface Llama3Parameters extends CommonParameters {
  readonly method: "llama3";
  readonly factor: number;
  readonly originalWindow: number;
  /** Wavelengths above original window / this are interpolated. */
  readonly lowFrequencyFactor: number;
  /** Wavelengths below original window / this are kept. */
  readonly highFrequencyFactor: number;
}

/** @throws InvalidConfigError where one of its four numbers is missing or cannot be followed */
export function readLlama3(source: MethodSource): Llama3Parameters {
  const { common, block } = source;
  const factor = readFactor(source);
  const lowFrequencyFactor = readNumber(
    block.values.low_freq_factor,
    fieldOf(block, "low_freq_factor"),
    multiplierRange,
  );
  const highFrequencyFactor = readNumber(
    block.values.high_freq_factor,
    fieldOf(block, "high_freq_factor"),
    multiplierRange,
  );
  if (highFrequencyFactor <= lowFrequencyFactor) {
    throw new InvalidConfigError(
      fieldOf(block, "high_freq_factor"),
      `must be above low_freq_factor (${lowFrequencyFactor}), got ${highFrequencyFactor}`,
    );
  }
  if (common.originalWindow === undefined) {
    // transformers 4 fails here; transformers 5 would take max_position_embeddings, which is never the right number:
    // the block exists because that one was enlarged.
    throw new InvalidConfigError(
      fieldOf(block, "original_max_position_embeddings"),
      "llama3 needs the window of pretraining in tokens, got nothing",
    );
  }
  return {
    ...common,
    method: "llama3",
    factor,
    originalWindow: common.originalWindow,
    lowFrequencyFactor,
    highFrequencyFactor,
  };
}

/** @see https://github.com/meta-llama/llama-models, `apply_scaling` of Llama 3.1 */
export function llama3Encoding(parameters: Llama3Parameters): RotaryEncoding {
  const { theta, dimensions, originalWindow, lowFrequencyFactor, highFrequencyFactor } = parameters;
  const factor = Math.fround(parameters.factor);
  const window = Math.fround(originalWindow);
  const low = Math.fround(lowFrequencyFactor);
  const width = Math.fround(highFrequencyFactor - lowFrequencyFactor);
  const longWavelength = Math.fround(originalWindow / lowFrequencyFactor);
  const shortWavelength = Math.fround(originalWindow / highFrequencyFactor);
  const scaled = inverseFrequencies(theta, dimensions).map((frequency) => {
    // A number divided by a float32 tensor is computed as the tensor's reciprocal times the number.
    const wavelength = Math.fround(Math.fround(1 / frequency) * Math.fround(2 * Math.PI));
    if (wavelength > longWavelength) {
      return frequency / factor;
    }
    if (wavelength < shortWavelength) {
      return frequency;
    }
    const turns = Math.fround(Math.fround(1 / wavelength) * window);
    const kept = Math.fround(Math.fround(turns - low) / width);
    const interpolated = Math.fround(Math.fround(Math.fround(1 - kept) * frequency) / factor);
    return interpolated + Math.fround(kept * frequency);
  });
  return { inverseFrequencies: scaled, attentionScaling: 1 };
}
