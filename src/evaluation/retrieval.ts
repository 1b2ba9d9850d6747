import { InvalidOptionError } from "../index.ts";
import { type Question, type QuestionTask, questionTrials } from "./questions.ts";
import { commonWordsAnswerTokens, makeCommonWordsQuestion } from "./retrieval/common-words.ts";
import { makeNeedleQuestion, needleAnswerTokens, needleTasks } from "./retrieval/needles.ts";
import { makeVariableQuestion, variablesAnswerTokens } from "./retrieval/variables.ts";
import type { Plan, Trial } from "./trial.ts";

interface RetrievalTask {
  readonly name: string;
  readonly maxTokens: number;
  make(plan: Plan, length: number, index: number): Promise<Question | undefined>;
}

const tasks: readonly RetrievalTask[] = [
  ...needleTasks.map(
    (task): RetrievalTask => ({
      name: task.name,
      maxTokens: needleAnswerTokens,
      make: (plan, length, index) => makeNeedleQuestion(plan, task, length, index),
    }),
  ),
  { name: "vt", maxTokens: variablesAnswerTokens, make: makeVariableQuestion },
  { name: "cwe", maxTokens: commonWordsAnswerTokens, make: makeCommonWordsQuestion },
];

/** RULER's names. */
export const retrievalTasks: readonly string[] = tasks.map(({ name }) => name);

/** @throws InvalidOptionError for a task that is not known */
export function checkTasks(names: readonly string[]): void {
  const unknown = names.find((name) => !retrievalTasks.includes(name));
  if (unknown === undefined) return;
  const known = retrievalTasks.join(", ");
  throw new InvalidOptionError("tasks", `there is no task ${JSON.stringify(unknown)} of retrieval; there are ${known}`);
}

/**
 * Tasks of RULER: needles in a haystack, variable tracking, common words. `plan.tasks` of them, or all; each question has a text of its own, and
 * scores the share of what was expected that is in the answer.
 *
 * @throws InvalidOptionError for a task that is not known
 * @see Hsieh et al., RULER: What's the real context size of your long-context language models? (2024)
 */
export function retrievalTrials(plan: Plan): readonly Trial[] {
  const names = plan.tasks ?? retrievalTasks;
  checkTasks(names);
  return tasks
    .filter(({ name }) => names.includes(name))
    .flatMap(({ name, maxTokens, make }) => {
      const task: QuestionTask = {
        suite: "retrieval",
        task: name,
        together: 1,
        maxTokens,
        make: async (length, [index = 0]) => {
          const question = await make(plan, length, index);
          return question && [question];
        },
      };
      return questionTrials(plan, task);
    });
}
