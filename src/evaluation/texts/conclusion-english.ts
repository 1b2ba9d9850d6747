import type { Measure, Standing } from "../contest.ts";
import {
  formatAmount,
  formatAmountInterval,
  formatChange,
  formatPercent,
  formatRate,
  formatRateInterval,
} from "../format-number.ts";
import { type MethodUse, nameMethod } from "../method-use.ts";
import type { Use } from "../use-advice.ts";
import { behavioursEnglish, reasonsEnglish } from "./behaviour-english.ts";
import type { ConclusionTexts } from "./conclusion-texts.ts";
import { sayReasons } from "./reason-values.ts";

const measures: Readonly<Record<Measure, string>> = {
  passkey: "pass keys",
  retrieval: "retrieval",
  perplexity: "perplexity",
};

/** Why some methods are left when others are out. */
const reasons: Readonly<Record<Use["by"], string>> = {
  answers: "among the best in answers at every length",
  perplexity: "not beaten in perplexity by any other",
  both: "among the best in answers at every length, and of those not beaten in perplexity",
};

export const conclusionEnglish: ConclusionTexts = {
  uses: (uses, nativeWindow) => {
    const [{ isTold, best, by }] = uses as [Use];
    const works = join(uses.map((use) => describeWork(use, nativeWindow)));
    if (!isTold) return `For ${works}, no verdict: nothing is worse than the best by more than chance.`;
    if (best.length === 0) return `For ${works}, no method answers among the best at every length.`;
    const clauses = uses.map((use) => `for ${describeWork(use, nativeWindow)}, use ${list(use.best, "or")}`);
    return `${capitalize(clauses.join("; "))}: ${reasons[by]}.`;
  },
  sameness: (methods) => {
    const { answers, passages, sameAnswers, samePassages } = methods[0]!;
    const parts = [
      ...(answers > 0 ? [`${ofAll(sameAnswers, answers)} answers`] : []),
      ...(passages > 0 ? [`the log probabilities of ${ofAll(samePassages, passages)} passages`] : []),
    ].join(" and ");
    const isSame = sameAnswers === answers && samePassages === passages;
    const verb = methods.length === 1 ? "computes" : "compute";
    return isSame
      ? `Within the window ${list(methods)} ${verb} what none does, to the bit: ${parts} are the same.`
      : `Within the window ${list(methods)} should compute what none does, and only ${parts} are the same.`;
  },
  staticCost: ({ length, ratio, ...use }) => {
    const { value, interval, pairs } = ratio;
    if (!interval) return `What ${nameMethod(use)} costs within the window cannot be said: there is one passage only.`;
    const range = `${formatChange(interval[0])} to ${formatChange(interval[1])}, ${pairs === undefined ? "" : `the same ${pairs} passages of `}${length} tokens`;
    if (interval[0] <= 1 && interval[1] >= 1) {
      return `Within the window no difference in perplexity between ${nameMethod(use)} and none was found (${range}).`;
    }
    const [verb, change] = value > 1 ? ["raises", value - 1] : ["lowers", 1 - value];
    return `Within the window ${nameMethod(use)} ${verb} perplexity by ${formatPercent(change)} (${range}).`;
  },
  verdict: (measure, stretches) => {
    const overlap = measure === "perplexity" ? "the intervals of their ratios include 1" : "intervals overlap";
    const clauses = stretches.map((contests) => {
      const { best, worse } = contests[0]!;
      const at = `at ${join(contests.map(({ length }) => String(length)))} tokens`;
      if (worse.length === 0) return `${at} no verdict, since ${overlap}`;
      // Figures of the longest length; the table has all.
      if (contests !== stretches.at(-1) || contests.length > 1) return `${at} ${list(best)}`;
      const show = showStanding(measure);
      return `${at} ${join(best.map(show))}, against ${join(worse.map(show))}`;
    });
    const how = measure === "perplexity" ? " (passage by passage)" : "";
    return `Best by ${measures[measure]}${how}, without a verdict between those named together: ${clauses.join("; ")}.`;
  },
  drop: ({ measure, lengths, at, ...use }) => {
    const what = `${nameMethod(use)} in ${measures[measure]}`;
    if (!at) return `No drop of ${what} was found from ${lengths[0]} to ${lengths.at(-1)} tokens: intervals overlap.`;
    const show = showStanding(measure);
    return `A drop of ${what}: ${show(at)} at ${at.length} tokens, ${show(at.before)} at ${at.before.length}.`;
  },
  consistency: (cell) => {
    const subject = `${capitalize(cell.task)} with ${nameMethod(cell)}`;
    if (cell.divergence === 0 && cell.agreement === 1) return `${subject} is exact at every length measured.`;
    const what = `${subject}, at its worst (${cell.length} tokens)`;
    const divergence = `${formatAmount(cell.divergence)} nats a token${bracket(cell.divergenceInterval && formatAmountInterval(cell.divergenceInterval))}`;
    const { perplexityRatio: value, ratioInterval: interval } = cell;
    const change = `${formatChange(value)}${bracket(interval && `${formatChange(interval[0])} to ${formatChange(interval[1])}`)}`;
    return `${what}: divergence ${divergence}, the same most probable token after ${formatRate(cell.agreement)} of the tokens, perplexity ${change}.`;
  },
  behaviour: (behaviour) => [behavioursEnglish[behaviour.kind], ...sayReasons(behaviour, reasonsEnglish)],
  nothing: "No conclusion can be drawn from what was measured.",
};

function ofAll(some: number, all: number): string {
  return some === all ? `all ${all}` : `${some} of ${all}`;
}

function capitalize(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function describeWork({ work }: Use, nativeWindow: number): string {
  return {
    short: `short work, within the native window of ${nativeWindow} tokens`,
    mixed: "mixed work, within the window and beyond",
    long: "long work, beyond the window",
  }[work];
}

function showStanding(measure: Measure): (standing: Standing) => string {
  return ({ value, interval, ...use }) => {
    const shown =
      measure === "perplexity"
        ? `${formatAmount(value)}${interval ? `, ${formatAmountInterval(interval)}` : ""}`
        : `${formatRate(value)}${interval ? `, ${formatRateInterval(interval)}` : ""}`;
    return `${nameMethod(use)} (${shown})`;
  };
}

function list(uses: readonly MethodUse[], last = "and"): string {
  return join(uses.map(nameMethod), last);
}

function join(parts: readonly string[], last = "and"): string {
  return parts.length < 2 ? parts.join("") : `${parts.slice(0, -1).join(", ")} ${last} ${parts.at(-1)}`;
}

function bracket(text: string | undefined): string {
  return text === undefined ? "" : ` (${text})`;
}
