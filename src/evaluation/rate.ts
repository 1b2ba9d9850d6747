import { effectiveCount, sum, wilsonInterval } from "./interval.ts";
import type { AccuracySample, Cell, Interval, Sample } from "./result.ts";

/** How many answers are right. */
export interface Rate {
  /** The mean score, from 0 to 1. */
  readonly rate: number;
  /** To how many independent answers they are worth. */
  readonly count: number;
  readonly interval: Interval;
}

/** @param samples - of any tasks; those of a task that share a text may depend on each other */
export function rateAnswers(samples: readonly AccuracySample[]): Rate {
  const texts = Map.groupBy(samples, ({ task, group }) => `${task}/${group}`);
  const scores = [...texts.values()].map((members) => members.map(({ score }) => score));
  const rate = sum(scores.flat()) / samples.length;
  const count = effectiveCount(scores);
  return { rate, count, interval: wilsonInterval(rate, count) };
}

/** Whether it is of questions, which have answers. */
export function isOfQuestions<Measured extends Sample | Cell>(
  measured: Measured,
): measured is Extract<Measured, { readonly suite: "passkey" | "retrieval" }> {
  return measured.suite === "passkey" || measured.suite === "retrieval";
}
