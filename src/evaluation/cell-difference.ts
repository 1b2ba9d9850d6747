import { sumPassages } from "./contest.ts";
import { accuracyDifference, type Difference, meanDifference, perplexityRatio, type Summed } from "./difference.ts";
import { isSameMethod } from "./method-use.ts";
import { isOfQuestions } from "./rate.ts";
import type { Cell, EvaluationResult, Sample } from "./result.ts";

/** In one measure: from a cell of one result to that of another. */
export interface MeasuredDifference extends Difference {
  readonly measure: "accuracy" | "perplexity" | "divergence" | "prefillRate" | "decodeRate";
  /** Whether `value` is the second over the first; else it is the second less the first. */
  readonly isRatio: boolean;
}

interface Side {
  readonly cell: Cell;
  /** Of the whole result. */
  readonly samples: EvaluationResult["samples"];
}

/**
 * @param a - one of the cells
 * @param b - the other one, of the same suite
 * @returns nothing where the samples of a cell are not there
 */
export function measureDifferences(a: Side, b: Side): readonly MeasuredDifference[] {
  const [ofA, ofB] = [samplesOf(a), samplesOf(b)];
  if (ofA.length === 0 || ofB.length === 0) return [];
  if (isOfQuestions(a.cell) && isOfQuestions(b.cell)) {
    const asked = (samples: readonly Sample[]) => samples.filter(isOfQuestions);
    const difference = accuracyDifference(asked(ofA), asked(ofB));
    return [{ measure: "accuracy", isRatio: false, ...difference }];
  }
  if (a.cell.suite === "perplexity" && b.cell.suite === "perplexity") {
    const scored = (samples: readonly Sample[]) =>
      sumPassages(samples.filter((sample) => sample.suite === "perplexity"));
    const ratio = perplexityRatio(scored(ofA), scored(ofB));
    return [{ measure: "perplexity", isRatio: true, ...ratio }];
  }
  if (a.cell.suite === "consistency" && b.cell.suite === "consistency") {
    const sums = (samples: readonly Sample[], key: "divergence" | "logprob"): readonly Summed[] =>
      samples
        .filter((sample) => sample.suite === "consistency")
        .map((sample) => ({ promptHash: sample.promptHash, sum: sample[key], count: sample.tokens }));
    const divergence = meanDifference(sums(ofA, "divergence"), sums(ofB, "divergence"));
    const ratio = perplexityRatio(sums(ofA, "logprob"), sums(ofB, "logprob"));
    return [
      { measure: "divergence", isRatio: false, ...divergence },
      { measure: "perplexity", isRatio: true, ...ratio },
    ];
  }
  if (a.cell.suite === "speed" && b.cell.suite === "speed") {
    return (["prefillRate", "decodeRate"] as const).flatMap((measure): readonly MeasuredDifference[] => {
      const difference = rateRatio(ofA, ofB, measure);
      return difference ? [{ measure, isRatio: true, ...difference }] : [];
    });
  }
  return [];
}

function samplesOf({ cell, samples }: Side): readonly Sample[] {
  return samples.filter(
    (sample) =>
      sample.suite === cell.suite &&
      sample.task === cell.task &&
      sample.length === cell.length &&
      isSameMethod(sample, cell),
  );
}

/** Of geometric means. Runs are never the same, though their prompts may be. */
function rateRatio(
  a: readonly Sample[],
  b: readonly Sample[],
  measure: "prefillRate" | "decodeRate",
): Difference | undefined {
  const logs = (samples: readonly Sample[], side: "a" | "b"): readonly Summed[] =>
    samples
      .filter((sample) => sample.suite === "speed")
      .map((sample, i) => ({ promptHash: `${side}/${i}`, sum: -Math.log(sample[measure]), count: 1 }));
  const [ofA, ofB] = [logs(a, "a"), logs(b, "b")];
  return [...ofA, ...ofB].every(({ sum }) => Number.isFinite(sum)) ? perplexityRatio(ofA, ofB) : undefined;
}
