import { type RotaryEncoding, type RotaryRows, rotaryAngles } from "../position/index.ts";

/**
 * The rows of cosine and sine that turn keys cached under one encoding into keys of another, at the same positions: by the difference of
 * the angles, scaled by the ratio of the attention scalings (they are in the cached keys once, and stay in them once).
 *
 * The angles are those that a fresh sequence would get, rounded to float32 as there; only their difference is taken in float64.
 *
 * @param start - position of the first row
 * @param count - number of rows
 * @returns [count, pairs]
 * @see YaRN (Peng et al. 2023), section 3.3: caching keys before rotation gives the same keys
 */
export function turnBetween(from: RotaryEncoding, to: RotaryEncoding, start: number, count: number): RotaryRows {
  const pairs = from.inverseFrequencies.length;
  const ratio = to.attentionScaling / from.attentionScaling;
  const cos = new Float32Array(count * pairs);
  const sin = new Float32Array(count * pairs);
  const positions = Array.from({ length: count }, (_, i) => start + i);
  const before = rotaryAngles(from, positions);
  const after = rotaryAngles(to, positions);
  for (let i = 0; i < cos.length; i++) {
    const turn = after[i]! - before[i]!;
    cos[i] = Math.cos(turn) * ratio;
    sin[i] = Math.sin(turn) * ratio;
  }
  return { cos, sin, pairs };
}
