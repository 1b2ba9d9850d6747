import { concludeEvaluation } from "../conclusion.ts";
import type { Contest } from "../contest.ts";
import type { Language } from "../language.ts";
import { nameMethod } from "../method-use.ts";
import type { EvaluationResult } from "../result.ts";
import type { Use } from "../use-advice.ts";
import type { Sameness } from "../window-findings.ts";
import { conclusionChinese } from "./conclusion-chinese.ts";
import { conclusionEnglish } from "./conclusion-english.ts";
import type { ConclusionTexts } from "./conclusion-texts.ts";

const textsOf: Readonly<Record<Language, ConclusionTexts>> = { en: conclusionEnglish, zh: conclusionChinese };

/**
 * What a result says, in words: what to use first, then why.
 *
 * @returns sentences, without what separates them
 */
export function conclusionSentences(result: EvaluationResult, language: Language): readonly string[] {
  const texts = textsOf[language];
  const { nativeWindow, uses, contests, sameness, staticCosts, drops, consistency, behaviour } =
    concludeEvaluation(result);
  const byMeasure = Map.groupBy(contests, ({ measure }) => measure);
  const sentences = [
    ...(behaviour ? texts.behaviour(behaviour) : []),
    ...groupDecided(uses).map((group) => texts.uses(group, nativeWindow)),
    ...groupSame(sameness).map(texts.sameness),
    ...staticCosts.map(texts.staticCost),
    ...[...byMeasure].map(([measure, all]) => texts.verdict(measure, stretchesOf(all))),
    ...drops.map(texts.drop),
    ...consistency.map(texts.consistency),
  ];
  return sentences.length > 0 ? sentences : [texts.nothing];
}

/** Those that methods were found for are said together, with why. */
function groupDecided(uses: readonly Use[]): readonly (readonly Use[])[] {
  const groups = Map.groupBy(uses, ({ isTold, best, by, work }) => (isTold && best.length > 0 ? by : work));
  return [...groups.values()];
}

/** Methods that are as none in everything, and in as much, are said together. */
function groupSame(sameness: readonly Sameness[]): readonly (readonly Sameness[])[] {
  const groups = Map.groupBy(sameness, ({ method, factor, ...counts }) => {
    const isSame = counts.sameAnswers === counts.answers && counts.samePassages === counts.passages;
    return isSame ? JSON.stringify([counts.answers, counts.passages]) : nameMethod({ method, factor });
  });
  return [...groups.values()];
}

/** Neighbouring lengths with the same outcome. */
function stretchesOf(contests: readonly Contest[]): readonly (readonly Contest[])[] {
  const stretches: Contest[][] = [];
  for (const contest of contests) {
    const last = stretches.at(-1);
    if (last && outcomeOf(last[0]!) === outcomeOf(contest)) last.push(contest);
    else stretches.push([contest]);
  }
  return stretches;
}

function outcomeOf({ best, worse }: Contest): string {
  if (worse.length === 0) return "";
  return [best, worse].map((side) => side.map(nameMethod).join()).join("|");
}
