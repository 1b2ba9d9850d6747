import { bestScore, type Candidates, keepAtLeast } from "./candidates.ts";

/**
 * The candidates that are at least `minP` times as probable as the best one. Here, as in transformers, it comes after
 * top-p; vLLM applies it before top-k, which differs only when top-p is used together with it.
 *
 * @param minP - from 0 to 1; 0 keeps all candidates
 * @see Nguyen et al. 2024, "Turning Up the Heat: Min-p Sampling", https://arxiv.org/abs/2407.01082
 */
export function keepMinP(candidates: Candidates, minP: number): Candidates {
  if (minP === 0) return candidates;
  return keepAtLeast(candidates, bestScore(candidates.scores) + Math.log(minP));
}
