import type { Drop } from "../conclusion.ts";
import type { Contest, Measure } from "../contest.ts";
import type { Behaviour, ConsistencyCell } from "../result.ts";
import type { Use } from "../use-advice.ts";
import type { Sameness, StaticCost } from "../window-findings.ts";

/** What a conclusion says, in one language: each a sentence, or some. */
export interface ConclusionTexts {
  /** Kinds of work that were decided in the same way. */
  readonly uses: (uses: readonly Use[], nativeWindow: number) => string;
  /** Methods that are all the same as none, or one that is not. */
  readonly sameness: (methods: readonly Sameness[]) => string;
  readonly staticCost: (cost: StaticCost) => string;
  /** By one measure: lengths at which the same methods are best and worse stand together. */
  readonly verdict: (measure: Measure, stretches: readonly (readonly Contest[])[]) => string;
  readonly drop: (drop: Drop) => string;
  readonly consistency: (worst: ConsistencyCell) => string;
  /** What a server looks like, and why. */
  readonly behaviour: (behaviour: Behaviour) => readonly string[];
  /** Where nothing can be said. */
  readonly nothing: string;
}
