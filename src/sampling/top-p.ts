import { bestScore, type Candidates, softmaxWeights, sum } from "./candidates.ts";

/**
 * The smallest set of best candidates whose probabilities sum to at least `topP` (nucleus sampling). The best candidate
 * always stays; of equal ones at the edge, those with the lower ids.
 *
 * @param topP - above 0, at most 1; 1 keeps all candidates
 * @see Holtzman et al. 2020, "The Curious Case of Neural Text Degeneration", https://arxiv.org/abs/1904.09751, section 3.1
 */
export function keepTopP(candidates: Candidates, topP: number): Candidates {
  const { tokens, scores } = candidates;
  if (topP >= 1 || scores.length <= 1) return candidates;

  const edge = findEdge(scores, topP);
  const kept = { tokens: new Uint32Array(edge.count), scores: new Float64Array(edge.count) };
  let ties = edge.ties;
  let next = 0;
  for (let index = 0; index < scores.length; index++) {
    const score = scores[index]!;
    if (score < edge.score || (score === edge.score && ties-- <= 0)) continue;
    kept.tokens[next] = tokens[index]!;
    kept.scores[next] = score;
    next++;
  }
  return kept;
}

/** The size of the set, its least score, and how many members have just that score. */
function findEdge(scores: Float64Array, topP: number): { count: number; score: number; ties: number } {
  const weights = softmaxWeights(scores);
  const total = sum(weights);
  // Candidates below this weight hold less than 1 - topP together, so that none of them can be in the set: with real
  // logits only a few hundred of 150,000 are left to sort.
  const negligible = ((1 - topP) / scores.length) * total;
  const sorted = new Float64Array(scores.length);
  let length = 0;
  for (let index = 0; index < scores.length; index++) {
    if (weights[index]! >= negligible) sorted[length++] = scores[index]!;
  }
  sorted.subarray(0, length).sort();

  const best = bestScore(scores);
  let mass = 0;
  let count = 0;
  let ties = 0;
  let score = Number.POSITIVE_INFINITY;
  while (count < length && (count === 0 || mass < topP * total)) {
    const next = sorted[length - 1 - count]!;
    ties = next === score ? ties + 1 : 1;
    score = next;
    mass += Math.exp(score - best);
    count++;
  }
  return { count, score, ties };
}
