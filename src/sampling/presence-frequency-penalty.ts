/**
 * Lowers, in place, the scores of tokens that were generated before: by `presencePenalty` once, and by
 * `frequencyPenalty` for every time. The prompt does not count.
 *
 * @param scores - [vocabulary], logits
 * @param counts - how often each token was generated; ids outside the vocabulary are passed over
 * @see https://platform.openai.com/docs/api-reference/chat/create (`presence_penalty`, `frequency_penalty`)
 */
export function applyPresenceFrequencyPenalty(
  scores: Float64Array,
  counts: ReadonlyMap<number, number>,
  presencePenalty: number,
  frequencyPenalty: number,
): void {
  if (presencePenalty === 0 && frequencyPenalty === 0) return;
  for (const [token, count] of counts) {
    if (token < scores.length) scores[token]! -= presencePenalty + frequencyPenalty * count;
  }
}
