import { type Candidates, keepAtLeast } from "./candidates.ts";
import { kthLargest } from "./kth-largest.ts";

/**
 * The `topK` best candidates, and every further one whose score equals the last of them, as transformers'
 * `TopKLogitsWarper` keeps them.
 *
 * @param topK - a whole number; 0 keeps all candidates
 */
export function keepTopK(candidates: Candidates, topK: number): Candidates {
  if (topK === 0 || topK >= candidates.scores.length) return candidates;
  return keepAtLeast(candidates, kthLargest(candidates.scores, topK));
}
