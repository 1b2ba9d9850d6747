import { InvalidOptionError } from "../errors.ts";
import { bestScore, copyLogits, softmaxWeights, sum } from "./candidates.ts";
import { kthLargest } from "./kth-largest.ts";

/** A token and the natural logarithm of its probability. */
export interface TokenLogprob {
  readonly token: number;
  readonly logprob: number;
}

/**
 * ln Σ exp(logit): what turns a logit into a log-probability when subtracted. In float64, without overflow.
 *
 * @param logits - [vocabulary]
 * @throws SkeinError `invalid_logits` when there is none, one is NaN or +Infinity, or all are -Infinity.
 */
export function logSumExp(logits: ArrayLike<number>): number {
  const scores = copyLogits(logits);
  return bestScore(scores) + Math.log(sum(softmaxWeights(scores)));
}

/**
 * The log-probability of one token under the model's own distribution (before any penalty or temperature).
 *
 * @throws InvalidOptionError when the token is outside the vocabulary.
 * @throws SkeinError `invalid_logits` as {@link logSumExp}.
 */
export function tokenLogprob(logits: ArrayLike<number>, token: number): number {
  if (!Number.isInteger(token) || token < 0 || token >= logits.length) {
    throw new InvalidOptionError("token", `must be an id below ${logits.length}, the size of the logits, got ${token}`);
  }
  return logits[token]! - logSumExp(logits);
}

/**
 * The `count` most probable tokens, best first; of equal ones, the lower id first.
 *
 * @param count - a whole number; more than the vocabulary means all of it
 * @throws InvalidOptionError when `count` is not a whole number.
 * @throws SkeinError `invalid_logits` as {@link logSumExp}.
 */
export function topLogprobs(logits: ArrayLike<number>, count: number): TokenLogprob[] {
  if (!Number.isSafeInteger(count) || count < 0) {
    throw new InvalidOptionError("logprobs", `must be a whole number of at least 0, got ${count}`);
  }
  if (count === 0) return [];
  const normaliser = logSumExp(logits);
  const threshold = kthLargest(logits, Math.min(count, logits.length));
  const best: number[] = [];
  for (let token = 0; token < logits.length; token++) {
    if (logits[token]! >= threshold) best.push(token);
  }
  // More than `count` when tokens tie with the last one; the sort puts the higher ids of those behind.
  best.sort((a, b) => logits[b]! - logits[a]! || a - b);
  return best.slice(0, count).map((token) => ({ token, logprob: logits[token]! - normaliser }));
}
