import { InvalidConfigError, show } from "../errors.ts";
import type { RotaryEncoding } from "./types.ts";

/** Cosines and sines of several positions, each [positions, pairs], the attention scaling multiplied in. */
export interface RotaryRows {
  readonly cos: Float32Array;
  readonly sin: Float32Array;
  /** The length of a row. */
  readonly pairs: number;
}

/**
 * The rows of cosines and sines that rotate queries and keys at the given positions.
 *
 * @param positions - token indices, in any order
 * @throws InvalidConfigError for what is no encoding, and for a position that is no finite number
 * @example
 * const { cos, sin, pairs } = rotaryRows(resolveRotaryEncoding(config), [0, 1, 2]);
 * cos.subarray(0, pairs); // position 0: the attention scaling, in every pair
 */
export function rotaryRows(encoding: RotaryEncoding, positions: ArrayLike<number>): RotaryRows {
  const angles = rotaryAngles(encoding, positions); // [positions, pairs]
  const scaling = Math.fround(encoding.attentionScaling);
  return {
    cos: angles.map((angle) => Math.fround(Math.cos(angle)) * scaling),
    sin: angles.map((angle) => Math.fround(Math.sin(angle)) * scaling),
    pairs: encoding.inverseFrequencies.length,
  };
}

/**
 * The angles in radians by which pairs turn at the given positions, [positions, pairs]: position × inverse frequency,
 * rounded to float32 as the reference has it. At position 131071 that rounding alone is up to 0.004 radians, so a more
 * exact angle would be a different model.
 *
 * @throws InvalidConfigError for what is no encoding, and for a position that is no finite number
 */
export function rotaryAngles(encoding: RotaryEncoding, positions: ArrayLike<number>): Float32Array {
  if (!Number.isSafeInteger(encoding?.inverseFrequencies?.length)) {
    throw new InvalidConfigError("encoding", `must be one that resolveRotaryEncoding gives, got ${show(encoding)}`);
  }
  if (!Number.isSafeInteger(positions?.length)) {
    throw new InvalidConfigError("positions", `must be a list of numbers, got ${show(positions)}`);
  }
  const { inverseFrequencies } = encoding;
  const pairs = inverseFrequencies.length;
  const angles = new Float32Array(positions.length * pairs);
  for (let row = 0; row < positions.length; row++) {
    const position = Math.fround(positions[row]!);
    if (!Number.isFinite(position)) {
      throw new InvalidConfigError(`positions[${row}]`, `must be a finite number, got ${show(positions[row])}`);
    }
    for (let pair = 0; pair < pairs; pair++) {
      angles[row * pairs + pair] = position * inverseFrequencies[pair]!;
    }
  }
  return angles;
}

/**
 * A query or key of one head, rotated by one row. The layout is Hugging Face's half-split one: number j of the rotated
 * part's first half and number j of its second half are pair j. Numbers after the rotated part (with a
 * `partial_rotary_factor` below 1) stay as they are.
 *
 * @param vector - [headDim]; not changed
 * @param cos - one row of {@link rotaryRows}, [pairs]
 * @param sin - the same row, [pairs]
 * @returns a new vector, [headDim]
 * @throws InvalidConfigError where the lengths do not fit together
 */
export function applyRotary(vector: ArrayLike<number>, cos: ArrayLike<number>, sin: ArrayLike<number>): Float32Array {
  const pairs = cos.length;
  if (sin.length !== pairs || 2 * pairs > vector.length) {
    throw new InvalidConfigError(
      "vector",
      `${vector.length} numbers cannot be rotated by ${pairs} cosines and ${sin.length} sines`,
    );
  }
  const rotated = Float32Array.from(vector);
  for (let pair = 0; pair < pairs; pair++) {
    const first = Math.fround(vector[pair]!);
    const second = Math.fround(vector[pairs + pair]!);
    rotated[pair] = Math.fround(first * cos[pair]!) - Math.fround(second * sin[pair]!);
    rotated[pairs + pair] = Math.fround(second * cos[pair]!) + Math.fround(first * sin[pair]!);
  }
  return rotated;
}
