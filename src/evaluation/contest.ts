import { perplexityRatio, type Summed } from "./difference.ts";
import { perplexityOf, sum } from "./interval.ts";
import { isSameMethod, listMethods, type MethodUse, nameMethod } from "./method-use.ts";
import { rateAnswers } from "./rate.ts";
import type { AccuracySample, EvaluationResult, Interval, PerplexitySample } from "./result.ts";

/** What methods are compared by. Tasks of `retrieval` count together. */
export type Measure = "passkey" | "retrieval" | "perplexity";
const measures: readonly Measure[] = ["passkey", "retrieval", "perplexity"];

/** What one method reached. */
export interface Standing extends MethodUse {
  /** A rate from 0 to 1, or a perplexity. */
  readonly value: number;
  readonly interval?: Interval;
}

/** Methods that were measured by the same questions at one length. */
export interface Contest {
  readonly measure: Measure;
  readonly length: number;
  /** The best one, and those that cannot be told from it. */
  readonly best: readonly Standing[];
  /** Those that are worse by more than chance. */
  readonly worse: readonly Standing[];
}

/**
 * Who is best, by each measure at each length with two methods at least. Rates whose intervals overlap that of the best are not told from it; perplexities
 * are when the interval of their ratio, taken over the same passages, has 1 in it.
 */
export function holdContests({ samples }: Pick<EvaluationResult, "samples">): readonly Contest[] {
  const lengths = [...new Set(samples.map(({ length }) => length))].sort((a, b) => a - b);
  return measures.flatMap((measure) =>
    lengths.flatMap((length): readonly Contest[] => {
      const inside = samples.filter((sample) => sample.length === length);
      const contest = measure === "perplexity" ? contestPerplexity(inside) : contestRates(inside, measure);
      return contest ? [{ measure, length, ...contest }] : [];
    }),
  );
}

/** Passages that are scored from their beginning, where there are any: they hold every position. */
export function passagesOf(samples: EvaluationResult["samples"], use: MethodUse): readonly PerplexitySample[] {
  const scored = samples
    .filter((sample) => sample.suite === "perplexity")
    .filter((sample) => isSameMethod(sample, use));
  const whole = scored.filter(({ task }) => task === "whole");
  return whole.length > 0 ? whole : scored;
}

/** Log probabilities of passages, for differences between methods. */
export function sumPassages(samples: readonly PerplexitySample[]): readonly Summed[] {
  return samples.map(({ promptHash, logprobs, tokens }) => ({ promptHash, sum: sum(logprobs), count: sum(tokens) }));
}

/** What a method reached in answers. */
export function standingIn(samples: readonly AccuracySample[], { method, factor }: MethodUse): Required<Standing> {
  const { rate: value, interval } = rateAnswers(samples);
  return { method, factor, value, interval };
}

type Ranking = Pick<Contest, "best" | "worse"> | undefined;

function contestRates(samples: EvaluationResult["samples"], measure: Measure): Ranking {
  const asked = samples.filter((sample): sample is AccuracySample => sample.suite === measure);
  const standings = listMethods(asked).map((use) =>
    standingIn(
      asked.filter((sample) => isSameMethod(sample, use)),
      use,
    ),
  );
  const [first] = standings.toSorted((a, b) => b.value - a.value);
  return first && rank(standings, (other) => other.interval[1] < first.interval[0]);
}

function contestPerplexity(samples: EvaluationResult["samples"]): Ranking {
  const scored = samples.filter((sample) => sample.suite === "perplexity");
  const passages = new Map(listMethods(scored).map((use) => [nameMethod(use), sumPassages(passagesOf(samples, use))]));
  const standings = listMethods(scored).map((use) => ({ ...use, ...perplexity(passages.get(nameMethod(use))!) }));
  const [first] = standings.toSorted((a, b) => a.value - b.value);
  if (!first) return undefined;
  const ofFirst = passages.get(nameMethod(first))!;
  return rank(standings, (other) => {
    const { interval } = perplexityRatio(ofFirst, passages.get(nameMethod(other))!);
    return interval !== undefined && interval[0] > 1;
  });
}

function rank<Entry extends Standing>(standings: readonly Entry[], isWorse: (other: Entry) => boolean): Ranking {
  if (standings.length < 2) return undefined;
  const worse = standings.filter(isWorse);
  return { best: standings.filter((standing) => !worse.includes(standing)), worse };
}

function perplexity(passages: readonly Summed[]): Pick<Standing, "value" | "interval"> {
  const { perplexity: value, interval } = perplexityOf(
    passages.map((passage) => passage.sum),
    passages.map(({ count }) => count),
  );
  return { value, ...(interval && { interval }) };
}
