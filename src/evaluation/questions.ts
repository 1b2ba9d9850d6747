import { isOfQuestions, rateAnswers } from "./rate.ts";
import type { AccuracyCell, AccuracySample, DepthCell, Sample } from "./result.ts";
import { hashOf, type Plan, setupOf, type Trial } from "./trial.ts";

/** Something whose answer stands in a text. */
export interface Question {
  readonly prompt: string;
  /** Each of these has to be in the answer. */
  readonly expected: readonly string[];
  /** Where in the text the answer stands, from 0 to 1, where it stands in one place. */
  readonly depth?: number;
}

/** A kind of question. */
export interface QuestionTask {
  readonly suite: "passkey" | "retrieval";
  readonly task: string;
  /** How many samples are made, and asked, in one trial. */
  readonly together: number;
  /** Of an answer. */
  readonly maxTokens: number;
  /** @returns the questions with these numbers; undefined where not even the shortest fits `length` with its answer */
  make(length: number, indices: readonly number[]): Promise<readonly Question[] | undefined>;
  /** From 0 to 1; the share of what was expected that is in the answer, unless given. */
  score?(answer: string, expected: readonly string[]): number;
}

/** Asks `plan.samples` questions at each length, in each way: the same ones in all of them. */
export function questionTrials(plan: Plan, task: QuestionTask): readonly Trial[] {
  return plan.lengths.flatMap((length) =>
    groups(plan.samples, task.together).flatMap((indices) => {
      const questions = once(() => task.make(length, indices));
      return plan.ways.map((way): Trial => {
        const id = [task.suite, task.task, way.name, way.factor, length, indices[0], indices.length].join("/");
        return {
          id,
          suite: task.suite,
          task: task.task,
          length,
          tokens: length * indices.length,
          setups: setupOf(plan, way),
          run: async ({ signal, onTokens }) => {
            const asked = (await questions()) ?? [];
            const prompts = asked.map(({ prompt }) => prompt);
            if (prompts.length === 0) return [];
            const { maxTokens } = task;
            const answers = await plan.target.answer({ way, prompts, maxTokens, length, signal, onTokens });
            return Promise.all(
              asked.map(async ({ prompt, expected, depth }, i): Promise<AccuracySample> => {
                const { text, factor, refused } = answers[i]!;
                return {
                  ...{ suite: task.suite, task: task.task, method: way.name, factor: way.factor, length },
                  index: indices[i]!,
                  group: Math.floor(indices[i]! / task.together),
                  promptHash: await hashOf(prompt),
                  ...(depth !== undefined && { depth }),
                  ...(factor !== undefined && { usedFactor: factor }),
                  expected,
                  answer: text,
                  score: (task.score ?? shareFound)(text, expected),
                  ...(refused && { refused }),
                };
              }),
            );
          },
        };
      });
    }),
  );
}

/** How well questions were answered: one cell for each task, way and length. */
export function accuracyCells(samples: readonly Sample[], depthParts: number): readonly AccuracyCell[] {
  const asked = samples.filter((sample): sample is AccuracySample => isOfQuestions(sample) && !sample.refused);
  const cells = Map.groupBy(asked, ({ suite, task, method, factor, length }) =>
    [suite, task, method, factor, length].join("/"),
  );
  return [...cells.values()].map((all): AccuracyCell => {
    const { suite, task, method, factor, length } = all[0]!;
    const depths = depthCells(all, depthParts);
    return { suite, task, method, factor, length, ...rate(all), ...(depths.length > 0 && { depths }) };
  });
}

function depthCells(samples: readonly AccuracySample[], parts: number): readonly DepthCell[] {
  const placed = samples.filter(({ depth }) => depth !== undefined);
  const byPart = Map.groupBy(placed, ({ depth = 0 }) => Math.min(parts - 1, Math.floor(depth * parts)));
  return Array.from(byPart)
    .sort(([a], [b]) => a - b)
    .map(([part, inside]) => ({ depth: [part / parts, (part + 1) / parts], ...rate(inside) }));
}

function rate(samples: readonly AccuracySample[]): Pick<AccuracyCell, "samples" | "accuracy" | "interval"> {
  const { rate: accuracy, interval } = rateAnswers(samples);
  return { samples: samples.length, accuracy, interval };
}

/** RULER's measure: how many of the expected texts stand in the answer, whatever the case of their letters. */
function shareFound(answer: string, expected: readonly string[]): number {
  const text = answer.toLowerCase();
  return expected.filter((part) => text.includes(part.toLowerCase())).length / expected.length;
}

function groups(count: number, size: number): readonly (readonly number[])[] {
  return Array.from({ length: Math.ceil(count / size) }, (_, group) =>
    Array.from({ length: Math.min(size, count - group * size) }, (_, i) => group * size + i),
  );
}

/** Questions are made when the first way asks them, and kept while others may. */
function once<T extends object | undefined>(make: () => Promise<T>): () => Promise<T> {
  let made: WeakRef<Promise<T>> | undefined;
  return () => {
    const kept = made?.deref() ?? make();
    made = new WeakRef(kept);
    return kept;
  };
}
