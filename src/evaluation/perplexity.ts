import { perplexityOf, sum } from "./interval.ts";
import { takePassages } from "./passage.ts";
import type { PerplexityCell, PerplexitySample, PositionCell, Sample } from "./result.ts";
import { hashOf, type Plan, setupOf, type Trial } from "./trial.ts";

/** How many parts a length is cut into for the curve by position. */
const positionParts = 16;
/** Of a length, how far the sliding window moves: every token scored has at least the other three quarters before it. */
const slide = 1 / 4;

/**
 * Perplexity of the text, in passages of each length. `whole`: passages follow each other, each is read from its beginning, and all of its tokens are
 * scored, by position. `sliding`: they overlap, and only the last quarter of each is scored: what a model makes of a text when it always has
 * this much before it.
 *
 * @see Press et al., Train Short, Test Long (2022), appendix B: evaluating with and without a sliding window
 */
export async function perplexityTrials(plan: Plan): Promise<readonly Trial[]> {
  const { target, haystack } = plan;
  const tokens = await target.tokenize(haystack.text);
  return plan.lengths.flatMap((length) =>
    (["whole", "sliding"] as const).flatMap((task) => {
      const step = task === "whole" ? length : Math.ceil(length * slide);
      const passages = takePassages(tokens, { length, step, most: plan.samples });
      return passages.flatMap(({ index, tokens: passage }) =>
        plan.ways.map((way): Trial => {
          const id = ["perplexity", task, way.name, way.factor, length, index, passages.length].join("/");
          const run: Trial["run"] = async (options) => {
            const { logprobs, factor, refused } = await target.score({ way, tokens: passage, ...options });
            const parts = task === "whole" ? positionsOf(length) : [{ from: length - step, to: length }];
            const sample: PerplexitySample = {
              ...{ suite: "perplexity", task, method: way.name, factor: way.factor, length, index },
              promptHash: await hashOf(passage),
              ...(factor !== undefined && { usedFactor: factor }),
              ...(refused ? { logprobs: [], tokens: [], refused } : sumParts(logprobs, parts)),
            };
            return [sample];
          };
          return { id, suite: "perplexity", task, length, tokens: length, setups: setupOf(plan, way), run };
        }),
      );
    }),
  );
}

/** One cell for each task, way and length. */
export function perplexityCells(samples: readonly Sample[]): readonly PerplexityCell[] {
  const scored = samples.filter((sample) => sample.suite === "perplexity").filter(({ refused }) => !refused);
  const cells = Map.groupBy(scored, ({ task, method, factor, length }) => [task, method, factor, length].join("/"));
  return [...cells.values()].map((all) => {
    const { task, method, factor, length } = all[0]!;
    const sums = all.map(({ logprobs, tokens }) => ({ logprob: sum(logprobs), tokens: sum(tokens) }));
    return {
      ...{ suite: "perplexity", task, method, factor, length, samples: all.length },
      ...perplexityOf(
        sums.map(({ logprob }) => logprob),
        sums.map(({ tokens }) => tokens),
      ),
      positions: task === "whole" ? positionCells(all, length) : [],
    };
  });
}

function positionCells(samples: readonly PerplexitySample[], length: number): readonly PositionCell[] {
  return positionsOf(length).map(({ from, to }, part) => {
    const tokens = samples.map((sample) => sample.tokens[part]!);
    const logprobs = samples.map((sample) => sample.logprobs[part]!);
    return { from, to, tokens: sum(tokens), ...perplexityOf(logprobs, tokens) };
  });
}

/** Parts of about equal size. */
function positionsOf(length: number): readonly { readonly from: number; readonly to: number }[] {
  // The first token is not scored: a part has one at least that is.
  const parts = Math.min(positionParts, Math.floor(length / 2));
  const at = (part: number): number => Math.round((part * length) / parts);
  return Array.from({ length: parts }, (_, part) => ({ from: at(part), to: at(part + 1) }));
}

/** The first token of a sequence has no probability, and is left out. */
function sumParts(
  logprobs: ArrayLike<number>,
  parts: readonly { readonly from: number; readonly to: number }[],
): Pick<PerplexitySample, "logprobs" | "tokens"> {
  const inside = parts.map(({ from, to }) => Array.from(logprobs).slice(Math.max(1, from), to));
  return { logprobs: inside.map(sum), tokens: inside.map((part) => part.length) };
}
