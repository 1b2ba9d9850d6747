import { SkeinError } from "../errors.ts";

/** The tokens that may still be drawn, with their scores (logits, as far as they are processed). Same length. */
export interface Candidates {
  /** Token ids, ascending. */
  readonly tokens: Uint32Array;
  /** Unnormalised log-probabilities in float64. */
  readonly scores: Float64Array;
}

/**
 * A float64 copy of the logits that processors may change.
 *
 * @param logits - [vocabulary]; `-Infinity` marks a token that must not be drawn
 * @throws SkeinError `invalid_logits` when there is no logit, when one is NaN or +Infinity, or when all are -Infinity.
 */
export function copyLogits(logits: ArrayLike<number>): Float64Array {
  const scores = new Float64Array(logits);
  let best = Number.NEGATIVE_INFINITY;
  for (let token = 0; token < scores.length; token++) {
    const score = scores[token]!;
    // Written so that NaN fails it too.
    if (!(score < Number.POSITIVE_INFINITY)) throw invalidLogits(`the logit of token ${token} is ${score}`);
    if (score > best) best = score;
  }
  if (best === Number.NEGATIVE_INFINITY) {
    throw invalidLogits(scores.length === 0 ? "there are none" : "every logit is -Infinity");
  }
  return scores;
}

/**
 * The first token of the largest logit, without a copy of them all.
 *
 * @throws SkeinError as {@link copyLogits}
 */
export function bestToken(logits: ArrayLike<number>): number {
  const { length } = logits;
  let best = Number.NEGATIVE_INFINITY;
  let bestAt = -1;
  for (let token = 0; token < length; token++) {
    if (logits[token]! <= best) continue; // one comparison for nearly all; NaN fails it
    best = logits[token]!;
    bestAt = token;
    if (!(best < Number.POSITIVE_INFINITY)) break;
  }
  if (bestAt < 0) throw invalidLogits(length === 0 ? "there are none" : "every logit is -Infinity");
  if (!(best < Number.POSITIVE_INFINITY)) throw invalidLogits(`the logit of token ${bestAt} is ${best}`);
  return bestAt;
}

/** The candidates whose score is at least `threshold`. */
export function keepAtLeast(candidates: Candidates, threshold: number): Candidates {
  const { tokens, scores } = candidates;
  let count = 0;
  for (let index = 0; index < scores.length; index++) {
    if (scores[index]! >= threshold) count++;
  }
  if (count === scores.length) return candidates;
  const kept = { tokens: new Uint32Array(count), scores: new Float64Array(count) };
  let next = 0;
  for (let index = 0; index < scores.length; index++) {
    if (scores[index]! >= threshold) {
      kept.tokens[next] = tokens[index]!;
      kept.scores[next] = scores[index]!;
      next++;
    }
  }
  return kept;
}

/** The largest of the scores; `-Infinity` when there are none. */
export function bestScore(scores: Float64Array): number {
  let best = Number.NEGATIVE_INFINITY;
  for (let index = 0; index < scores.length; index++) {
    if (scores[index]! > best) best = scores[index]!;
  }
  return best;
}

/** exp(score - best) for every score: probabilities up to a common factor, 1 for the best. */
export function softmaxWeights(scores: Float64Array): Float64Array {
  const best = bestScore(scores);
  const weights = new Float64Array(scores.length);
  for (let index = 0; index < scores.length; index++) weights[index] = Math.exp(scores[index]! - best);
  return weights;
}

/** The sum, from the first to the last. */
export function sum(values: Float64Array): number {
  let total = 0;
  for (let index = 0; index < values.length; index++) total += values[index]!;
  return total;
}

function invalidLogits(what: string): SkeinError {
  return new SkeinError(
    "invalid_logits",
    `logits: ${what}, so that no token can be chosen; the model's weights or its computation are damaged`,
  );
}
