/**
 * How often differences as large as this one, or larger, are found where there is none; two-sided, by Student's distribution.
 *
 * @param deviations - the difference, in standard errors
 * @param freedom - degrees of freedom, a whole number from 1
 * @see Abramowitz and Stegun, Handbook of mathematical functions, 26.7.3 and 26.7.4
 */
export function studentProbability(deviations: number, freedom: number): number {
  const angle = Math.atan(Math.abs(deviations) / Math.sqrt(freedom));
  const cosine = Math.cos(angle);
  const isOdd = freedom % 2 === 1;
  let term = isOdd ? cosine : 1;
  let series = freedom === 1 ? 0 : term;
  for (let step = isOdd ? 3 : 2; step < freedom; step += 2) {
    term *= ((step - 1) / step) * cosine ** 2;
    series += term;
  }
  const inside = isOdd ? (2 / Math.PI) * (angle + Math.sin(angle) * series) : Math.sin(angle) * series;
  return Math.max(0, 1 - inside);
}

/**
 * The same by the normal distribution.
 *
 * @see Abramowitz and Stegun, 26.2.17; off by 1.5e-7 at most
 */
export function normalProbability(deviations: number): number {
  const z = Math.abs(deviations);
  const t = 1 / (1 + 0.2316419 * z);
  const series = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return Math.min(1, (2 * Math.exp((-z * z) / 2) * series) / Math.sqrt(2 * Math.PI));
}

/**
 * The exact sign test: how often as many pairs, or more, favour one side when either is as likely. Of answers that are right or wrong it is McNemar's
 * exact test.
 *
 * @param more - pairs in which the second is larger
 * @param less - pairs in which it is smaller; ties do not count
 * @see McNemar, Note on the sampling error of the difference between correlated proportions (1947)
 */
export function signProbability(more: number, less: number): number {
  const all = more + less;
  let logTerm = -all * Math.LN2;
  let tail = 0;
  for (let taken = 0; taken <= Math.min(more, less); taken++) {
    tail += Math.exp(logTerm);
    logTerm += Math.log((all - taken) / (taken + 1));
  }
  return Math.min(1, 2 * tail);
}

/**
 * Corrects for how many were asked: the probability that any of them is below 0.05 where none of them differs stays at 0.05.
 *
 * @param probabilities - of single tests
 * @returns in their order, each to be compared with 0.05
 * @see Holm, A simple sequentially rejective multiple test procedure (1979)
 */
export function adjustForMany(probabilities: readonly number[]): readonly number[] {
  const order = probabilities.map((_, i) => i).sort((a, b) => probabilities[a]! - probabilities[b]!);
  const adjusted: number[] = new Array(probabilities.length);
  let least = 0;
  for (const [rank, index] of order.entries()) {
    least = Math.max(least, Math.min(1, probabilities[index]! * (probabilities.length - rank)));
    adjusted[index] = least;
  }
  return adjusted;
}
