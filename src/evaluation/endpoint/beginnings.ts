import { meanInterval } from "../interval.ts";
import type { BehaviourReason, Interval } from "../result.ts";
import { reason } from "./reasons.ts";

/** Log probabilities of a text and its parts, each read by itself. */
export interface Passage {
  /** Its beginning, half as long as the native window. */
  readonly alone: ArrayLike<number>;
  /** Its beginning, nearly as long as the window. */
  readonly inside: ArrayLike<number>;
  /** All of it: longer than the window. */
  readonly beyond: ArrayLike<number>;
  /** Its end, nearly as long as the window. */
  readonly end: ArrayLike<number>;
}

/** Nats a token that rounding alone may come to. */
const rounding = 1e-3;
/** What a server's answers may differ by between two inputs within the window is doubled before it is a difference. */
const noiseFactor = 2;
/** How much worse a perplexity has to be, as its logarithm: a quarter. */
const collapse = Math.log(1.25);

/** Whether what follows beyond the window changes what is computed before: a factor that follows the length does, anything else does not. */
export function compareBeginnings(passages: readonly Passage[], length: number): BehaviourReason {
  const noise = meanInterval(passages.map(({ alone, inside }) => meanDifference(alone, inside)));
  const difference = meanInterval(passages.map(({ alone, beyond }) => meanDifference(alone, beyond)));
  const limit = Math.max(rounding, noiseFactor * (noise.interval?.[1] ?? Number.POSITIVE_INFINITY));
  const values = { difference: difference.mean, noise: noise.mean, length, passages: passages.length };
  return reason(`beginning_${sideOf(difference.interval, limit, "same", "differs")}`, values);
}

/** Whether text at the end of the long input is as likely there as where the same tokens end an input that fits the window. */
export function comparePerplexities(
  passages: readonly Passage[],
  length: number,
  nativeWindow: number,
): BehaviourReason {
  // Tokens that stand past the window, and have half a window before them in the short input.
  const losses = passages.map(({ beyond, end }) => {
    const count = Math.min(beyond.length - nativeWindow, Math.floor(nativeWindow / 2));
    const lossOf = (logprobs: ArrayLike<number>): number => -mean(Array.from(logprobs).slice(-count));
    return { beyond: lossOf(beyond), inside: lossOf(end) };
  });
  const { interval } = meanInterval(losses.map((loss) => loss.beyond - loss.inside));
  return reason(`perplexity_${sideOf(interval, collapse, "holds", "collapses")}`, {
    inside: Math.exp(mean(losses.map((loss) => loss.inside))),
    beyond: Math.exp(mean(losses.map((loss) => loss.beyond))),
    ...{ length, passages: passages.length },
  });
}

/** @returns `unclear` where the interval has the limit in it, or there is none */
function sideOf<Below extends string, Above extends string>(
  interval: Interval | undefined,
  limit: number,
  below: Below,
  above: Above,
): Below | Above | "unclear" {
  if (interval && interval[1] < limit) return below;
  return interval && interval[0] > limit ? above : "unclear";
}

/** Of the tokens that both have, the first, which has no probability, left out. */
export function meanDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const count = Math.min(a.length, b.length);
  let sum = 0;
  for (let i = 1; i < count; i++) sum += Math.abs(a[i]! - b[i]!);
  return sum / (count - 1);
}

export function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
