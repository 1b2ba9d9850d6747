/** Sums over rows of logits. */
export interface Comparison {
  /** Rows that were compared, each of which predicts a token. */
  readonly tokens: number;
  /** Kullback-Leibler divergences, nats. */
  readonly divergence: number;
  /** Rows whose most probable token is the same. */
  readonly agreed: number;
  /** Natural logarithms of the probabilities of the tokens that come next. */
  readonly logprob: number;
  readonly exactLogprob: number;
}

/**
 * Compares what two computations make of the same text, in float64: the divergence of row i is Σ p·ln(p / q), with p the probabilities that the exact
 * one gives and q those of the other.
 *
 * @param exact - [rows, vocabulary]
 * @param other - [rows, vocabulary]
 * @param next - the token that follows each row; rows past its end are left out
 * @see Kullback and Leibler, On information and sufficiency (1951)
 */
export function compareLogits(
  exact: Float32Array,
  other: Float32Array,
  next: ArrayLike<number>,
  vocabulary: number,
): Comparison {
  let [divergence, agreed, logprob, exactLogprob] = [0, 0, 0, 0];
  for (let row = 0; row < next.length; row++) {
    const p = exact.subarray(row * vocabulary, (row + 1) * vocabulary);
    const q = other.subarray(row * vocabulary, (row + 1) * vocabulary);
    const [ofP, ofQ] = [normalize(p), normalize(q)];
    // It is never negative; what roundings make of two rows that are nearly equal may be.
    divergence += Math.max(0, divergenceOf(p, q, ofP.logTotal, ofQ.logTotal));
    agreed += ofP.best === ofQ.best ? 1 : 0;
    exactLogprob += p[next[row]!]! - ofP.logTotal;
    logprob += q[next[row]!]! - ofQ.logTotal;
  }
  return { tokens: next.length, divergence, agreed, logprob, exactLogprob };
}

export function addComparisons(comparisons: readonly Comparison[]): Comparison {
  return comparisons.reduce((sum, one) => ({
    tokens: sum.tokens + one.tokens,
    divergence: sum.divergence + one.divergence,
    agreed: sum.agreed + one.agreed,
    logprob: sum.logprob + one.logprob,
    exactLogprob: sum.exactLogprob + one.exactLogprob,
  }));
}

/** @returns what to subtract from logits to get log probabilities, and the most probable token: of equal ones the first */
function normalize(logits: Float32Array): { readonly logTotal: number; readonly best: number } {
  let best = 0;
  for (let token = 1; token < logits.length; token++) if (logits[token]! > logits[best]!) best = token;
  const largest = logits[best]!;
  let total = 0;
  for (const logit of logits) total += Math.exp(logit - largest);
  return { logTotal: largest + Math.log(total), best };
}

function divergenceOf(p: Float32Array, q: Float32Array, logTotalP: number, logTotalQ: number): number {
  let sum = 0;
  for (let token = 0; token < p.length; token++) {
    const logP = p[token]! - logTotalP;
    sum += Math.exp(logP) * (logP - (q[token]! - logTotalQ));
  }
  return sum;
}
