import { passagesOf, sumPassages } from "./contest.ts";
import { type Difference, perplexityRatio } from "./difference.ts";
import { isSameMethod, listMethods, type MethodUse } from "./method-use.ts";
import type { EvaluationResult, Sample } from "./result.ts";

/** Whether a method that scales only what is longer than the window computes the same in it as no scaling. */
export interface Sameness extends MethodUse {
  /** Questions and passages that both were given, within the window. */
  readonly answers: number;
  readonly passages: number;
  /** Of these, how many came out the same, to the bit. */
  readonly sameAnswers: number;
  readonly samePassages: number;
}

/** What a factor that is always there costs within the window. */
export interface StaticCost extends MethodUse {
  readonly length: number;
  /** The method's perplexity over that of no scaling. */
  readonly ratio: Difference;
}

const dynamicMethods: ReadonlySet<string> = new Set(["linear-dynamic", "ntk", "yarn-dynamic", "yarn-continuous"]);
const staticMethods: ReadonlySet<string> = new Set(["linear", "yarn-static"]);
const none: MethodUse = { method: "none", factor: 1 };

/** Every dynamic method that was measured beside `none` within the window. */
export function findSameness({ samples, subject }: EvaluationResult): readonly Sameness[] {
  const inWindow = samples.filter(({ length }) => length <= subject.nativeWindow);
  const plain = new Map(
    inWindow.filter((sample) => isSameMethod(sample, none)).map((sample) => [keyOf(sample), sample]),
  );
  return listMethods(inWindow.filter(({ method }) => dynamicMethods.has(method))).flatMap((use) => {
    const both = inWindow
      .filter((sample) => isSameMethod(sample, use))
      .flatMap((sample) => {
        const other = plain.get(keyOf(sample));
        return other ? [[contentOf(sample), contentOf(other)] as const] : [];
      });
    const [answers, passages] = ["answer", "passage"].map((kind) => both.filter(([{ kind: own }]) => own === kind));
    const countSame = (all: typeof both): number => all.filter(([own, other]) => own.content === other.content).length;
    if (answers!.length + passages!.length === 0) return [];
    return {
      ...use,
      answers: answers!.length,
      passages: passages!.length,
      sameAnswers: countSame(answers!),
      samePassages: countSame(passages!),
    };
  });
}

/** Every static method that was measured beside `none`: at the longest length within the window, where it has the most text. */
export function findStaticCosts({ samples, subject }: EvaluationResult): readonly StaticCost[] {
  const inWindow = samples.filter(({ suite, length }) => suite === "perplexity" && length <= subject.nativeWindow);
  const length = inWindow.reduce((longest, sample) => Math.max(longest, sample.length), 0);
  const longest = inWindow.filter((sample) => sample.length === length);
  const plain = sumPassages(passagesOf(longest, none));
  if (plain.length === 0) return [];
  return listMethods(longest.filter(({ method }) => staticMethods.has(method))).map((use) => ({
    ...use,
    length,
    ratio: perplexityRatio(plain, sumPassages(passagesOf(longest, use))),
  }));
}

function keyOf({ suite, task, length, promptHash }: Sample): string {
  return [suite, task, length, promptHash].join("/");
}

function contentOf(sample: Sample): { readonly kind: "answer" | "passage" | "other"; readonly content: string } {
  if ("answer" in sample) return { kind: "answer", content: sample.answer };
  if ("logprobs" in sample) return { kind: "passage", content: sample.logprobs.join() };
  return { kind: "other", content: "" };
}
