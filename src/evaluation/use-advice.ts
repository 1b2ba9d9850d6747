import { type Contest, passagesOf, sumPassages } from "./contest.ts";
import { perplexityRatio } from "./difference.ts";
import { isSameMethod, listMethods, type MethodUse } from "./method-use.ts";
import type { EvaluationResult } from "./result.ts";

/** What to use for one kind of work. `short`: within the native window; `long`: beyond it; `mixed`: both. */
export interface Use {
  readonly work: "short" | "mixed" | "long";
  /** None where answers name different methods at different lengths. */
  readonly best: readonly MethodUse[];
  /** What it was decided by: answers first; perplexity between methods that answer equally well. */
  readonly by: "answers" | "perplexity" | "both";
  /** Whether anything was worse than the best anywhere: otherwise nothing was told apart. */
  readonly isTold: boolean;
}

/**
 * Methods whose answers are among the best at every length of such work. Between these, those go whose perplexity is worse than another's at some length
 * and better at none, by the intervals of their ratios.
 *
 * @param contests - of the same result
 */
export function adviseUses({ samples, subject }: EvaluationResult, contests: readonly Contest[]): readonly Use[] {
  const short = contests.filter(({ length }) => length <= subject.nativeWindow);
  const long = contests.filter(({ length }) => length > subject.nativeWindow);
  const kinds = [
    { work: "short", inside: short },
    { work: "mixed", inside: short.length > 0 && long.length > 0 ? contests : [] },
    { work: "long", inside: long },
  ] as const;
  return kinds.flatMap(({ work, inside }): readonly Use[] => {
    if (inside.length === 0) return [];
    const answers = inside.filter(({ measure }) => measure !== "perplexity");
    const lengths = inside.filter(({ measure }) => measure === "perplexity").map(({ length }) => length);
    const all = listMethods(inside.flatMap(({ best, worse }) => [...best, ...worse]));
    const answering = all.filter((use) => answers.every(({ best }) => best.some((other) => isSameMethod(use, other))));
    const best = lengths.length > 0 ? keepUnbeaten(answering, lengths, samples) : answering;
    const by = answers.length === 0 ? "perplexity" : lengths.length === 0 ? "answers" : "both";
    return [{ work, best, by, isTold: inside.some(({ worse }) => worse.length > 0) }];
  });
}

function keepUnbeaten(
  uses: readonly MethodUse[],
  lengths: readonly number[],
  samples: EvaluationResult["samples"],
): readonly MethodUse[] {
  const perLength = lengths.map((length) => {
    const inside = samples.filter((sample) => sample.length === length);
    return uses.map((use) => sumPassages(passagesOf(inside, use)));
  });
  // At every length: 1 where the second method's perplexity is higher than the first's by more than chance, -1 where it is lower.
  const compare = (first: number, second: number): readonly number[] =>
    perLength.map((passages) => {
      const { interval: [low, high] = [1, 1] } = perplexityRatio(passages[first]!, passages[second]!);
      return low > 1 ? 1 : high < 1 ? -1 : 0;
    });
  return uses.filter((_, own) =>
    uses.every((_, other) => {
      const outcomes = other === own ? [] : compare(other, own);
      return !outcomes.includes(1) || outcomes.includes(-1);
    }),
  );
}
