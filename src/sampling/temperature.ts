import { bestScore } from "./candidates.ts";

/**
 * Divides the scores by the temperature, in place. The best score becomes 0 on the way, which no probability notices
 * and which keeps a tiny temperature from overflowing.
 *
 * @param scores - logits, at least one of them finite
 * @param temperature - above 0
 */
export function applyTemperature(scores: Float64Array, temperature: number): void {
  if (temperature === 1) return;
  const best = bestScore(scores);
  for (let index = 0; index < scores.length; index++) scores[index] = (scores[index]! - best) / temperature;
}
