/**
 * Makes tokens that occurred before less likely (penalty above 1) or more likely (below 1), in place: a positive score
 * is divided by the penalty, a negative one multiplied. How often a token occurred makes no difference.
 *
 * @param scores - [vocabulary], logits
 * @param tokens - the distinct tokens of the prompt and of the answer so far; ids outside the vocabulary are passed over
 * @param penalty - from 0.01 to 100; 1 changes nothing
 * @see Keskar et al. 2019, "CTRL", https://arxiv.org/abs/1909.05858, section 4.1; transformers'
 * `RepetitionPenaltyLogitsProcessor` for the rule on negative scores.
 */
export function applyRepetitionPenalty(scores: Float64Array, tokens: Iterable<number>, penalty: number): void {
  if (penalty === 1) return;
  for (const token of tokens) {
    if (token >= scores.length) continue;
    const score = scores[token]!;
    scores[token] = score < 0 ? score * penalty : score / penalty;
  }
}
