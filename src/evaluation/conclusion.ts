import { type Contest, holdContests, type Standing, standingIn } from "./contest.ts";
import { listMethods, type MethodUse, nameMethod } from "./method-use.ts";
import type { AccuracySample, Behaviour, ConsistencyCell, EvaluationResult } from "./result.ts";
import { adviseUses, type Use } from "./use-advice.ts";
import { findSameness, findStaticCosts, type Sameness, type StaticCost } from "./window-findings.ts";
import { withoutRefused } from "./without-refused.ts";

/** What a result says, as data: nothing in it goes further than the intervals do. */
export interface Conclusion {
  readonly nativeWindow: number;
  /** What to use for work of each kind that was measured with two methods at least. */
  readonly uses: readonly Use[];
  readonly contests: readonly Contest[];
  readonly sameness: readonly Sameness[];
  readonly staticCosts: readonly StaticCost[];
  /** Where a single method, or a server, answers worse than at some shorter length; where there are several, contests say it. */
  readonly drops: readonly Drop[];
  /** Of each task of `consistency` and each method: the length at which it is furthest from the exact computation. */
  readonly consistency: readonly ConsistencyCell[];
  readonly behaviour?: Behaviour;
}

export interface Drop extends MethodUse {
  readonly measure: "passkey" | "retrieval";
  readonly lengths: readonly number[];
  /** The first length that is worse by more than chance than a shorter one, which `before` is; not there where none is. */
  readonly at?: { readonly length: number; readonly before: Standing & { readonly length: number } } & Standing;
}

/** Works out what a result says. */
export function concludeEvaluation(whole: EvaluationResult): Conclusion {
  const result = withoutRefused(whole);
  const { nativeWindow } = result.subject;
  const contests = holdContests(result);
  return {
    nativeWindow,
    uses: adviseUses(result, contests),
    contests,
    sameness: findSameness(result),
    staticCosts: findStaticCosts(result),
    drops: findDrops(result),
    consistency: findConsistency(result),
    ...(result.behaviour && { behaviour: result.behaviour }),
  };
}

function findDrops({ samples }: EvaluationResult): readonly Drop[] {
  return (["passkey", "retrieval"] as const).flatMap((measure): readonly Drop[] => {
    const asked = samples.filter((sample): sample is AccuracySample => sample.suite === measure);
    const [use, ...others] = listMethods(asked);
    const byLength = [...Map.groupBy(asked, ({ length }) => length)].sort(([a], [b]) => a - b);
    if (use === undefined || others.length > 0 || byLength.length < 2) return [];
    const standings = byLength.map(([length, inside]) => ({ length, ...standingIn(inside, use) }));
    const lengths = standings.map(({ length }) => length);
    for (const [rank, standing] of standings.entries()) {
      const before = standings.slice(0, rank).find(({ interval }) => interval[0] > standing.interval[1]);
      if (before) return [{ ...use, measure, lengths, at: { ...standing, before } }];
    }
    return [{ ...use, measure, lengths }];
  });
}

function findConsistency({ cells }: EvaluationResult): readonly ConsistencyCell[] {
  const measured = cells.filter((cell) => cell.suite === "consistency");
  const groups = Map.groupBy(measured, (cell) => `${cell.task}/${nameMethod(cell)}`);
  return [...groups.values()].map((all) =>
    all.reduce((worst, other) => (other.divergence > worst.divergence ? other : worst)),
  );
}
