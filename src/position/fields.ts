import { InvalidConfigError, show } from "../errors.ts";

/** The numbers that a field may hold. */
export interface Range {
  readonly atLeast: number;
  readonly atMost: number;
  /** Whether `atLeast` itself is excluded. */
  readonly exclusive?: boolean;
}

/** Ratios of windows. With {@link thetaRange} it keeps every float32 product of a method away from overflow. */
export const factorRange: Range = { atLeast: 1, atMost: 1e6 };
/** Bases of the frequencies. */
export const thetaRange: Range = { atLeast: 1, atMost: 1e30 };
/** Numbers of tokens. */
export const lengthRange: Range = { atLeast: 1, atMost: Number.MAX_SAFE_INTEGER };
/** Multipliers that have no natural bound; wide, and far from float32's limits. */
export const multiplierRange: Range = { atLeast: 1e-6, atMost: 1e6 };

/**
 * A number within a range.
 *
 * @param field - the path of the field, for the message
 * @throws InvalidConfigError where `value` is anything else
 */
export function readNumber(value: unknown, field: string, range: Range): number {
  if (typeof value !== "number" || !isWithin(value, range)) {
    throw new InvalidConfigError(field, `must be a number ${describeRange(range)}, got ${show(value)}`);
  }
  return value;
}

/**
 * A whole number within a range.
 *
 * @param field - the path of the field, for the message
 * @throws InvalidConfigError where `value` is anything else
 */
export function readInteger(value: unknown, field: string, range: Range): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || !isWithin(value, range)) {
    throw new InvalidConfigError(field, `must be a whole number ${describeRange(range)}, got ${show(value)}`);
  }
  return value;
}

/** Whether a field is there; null, which published configurations are full of, means that it is not. */
export function isPresent(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function isWithin(value: number, { atLeast, atMost, exclusive }: Range): boolean {
  // NaN fails both comparisons, and the infinities lie outside every range.
  return (exclusive ? value > atLeast : value >= atLeast) && value <= atMost;
}

function describeRange({ atLeast, atMost, exclusive }: Range): string {
  return exclusive ? `above ${atLeast} and at most ${atMost}` : `from ${atLeast} to ${atMost}`;
}
