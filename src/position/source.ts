import { InvalidConfigError } from "../errors.ts";
import { fieldOf, type RotaryBlock } from "./block.ts";
import { factorRange, isPresent, multiplierRange, readNumber } from "./fields.ts";
import type { CommonParameters, RotaryOptions } from "./types.ts";

/** Where a method's parameters are read from. */
export interface MethodSource {
  readonly common: CommonParameters;
  /** The block of this very method; empty where another one is declared. */
  readonly block: RotaryBlock;
  /** Checked already. */
  readonly options: RotaryOptions;
}

/**
 * The factor that an option or the block gives.
 *
 * @throws InvalidConfigError without one, or for one below 1
 */
export function readFactor({ block, options }: MethodSource): number {
  if (options.factor !== undefined) {
    return options.factor;
  }
  const field = fieldOf(block, "factor");
  if (block.field === undefined && !isPresent(block.values.factor)) {
    throw new InvalidConfigError(field, "missing, and no option gives a factor; give one of at least 1");
  }
  return readNumber(block.values.factor, field, factorRange);
}

/** The attention scaling that the block gives; undefined where it leaves that to the method. */
export function readAttentionFactor(block: RotaryBlock): number | undefined {
  return optionalMultiplier(block, "attention_factor");
}

/** A multiplier of the block that counts as absent when it is 0, as Python's `or` has it. */
export function readNonZero(block: RotaryBlock, key: string): number | undefined {
  return block.values[key] === 0 ? undefined : optionalMultiplier(block, key);
}

/** A multiplier of the block; undefined where it is absent or null. */
function optionalMultiplier(block: RotaryBlock, key: string): number | undefined {
  const value = block.values[key];
  return isPresent(value) ? readNumber(value, fieldOf(block, key), multiplierRange) : undefined;
}
