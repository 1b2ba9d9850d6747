import { fitHay, takeWords } from "./haystack.ts";
import { type Question, questionTrials } from "./questions.ts";
import { createRandom, pickWhole, seedOf } from "./random.ts";
import type { Plan, Trial } from "./trial.ts";

/** The key is as likely to stand in each of so many parts of the text. */
export const depthParts = 10;

const question = "\nWhat is the pass key? The pass key is ";
/** Five digits, and what a tokenizer may put before them. */
const answerTokens = 6;

/**
 * A pass key in running text: five digits, said twice in a line of their own, and asked for at the end. `samples` a length and method, spread over the
 * depths. Questions that share a text differ in their keys and depths, and the text is read once up to the first key.
 *
 * @see Mohtashami and Jaggi, Landmark Attention (2023), which introduced the task
 */
export function passkeyTrials(plan: Plan): readonly Trial[] {
  return questionTrials(plan, {
    suite: "passkey",
    task: "passkey",
    together: plan.share,
    maxTokens: answerTokens,
    make: (length, indices) => makeQuestions(plan, length, indices),
    // The first number is what was answered: what comes after it is no second try.
    score: (answer, expected) => (/\d+/.exec(answer)?.[0].startsWith(expected[0]!) ? 1 : 0),
  });
}

/** @returns a place from 0 to before 1: an order of parts that spreads a few of them, too; every ten are in all parts */
export function spreadDepth(index: number, random: () => number): number {
  return (((index * 7) % depthParts) + random()) / depthParts;
}

/** @returns nothing where not even a question without text fits the length */
async function makeQuestions(
  { target, haystack, seed }: Plan,
  length: number,
  indices: readonly number[],
): Promise<readonly Question[] | undefined> {
  // The text is one for all of these; where the key stands, and which it is, is each one's own.
  const start = pickWhole(createRandom(seedOf(seed, "passkey", length, indices[0]!)), 0, haystack.words.length);
  const most = length - answerTokens;
  const prompt = (words: number, depth: number, key: string): string =>
    write(takeWords(haystack, start, words), depth, key);
  const countTokens = (text: string): Promise<number> => target.countTokens(text);
  const amount = await fitHay((words) => prompt(words, 0.5, "55555"), countTokens, most, {
    guess: Math.ceil(length / 2),
  });
  if (amount === undefined) return undefined;
  return Promise.all(
    indices.map(async (index) => {
      const random = createRandom(seedOf(seed, "passkey", length, index, "key"));
      const key = String(pickWhole(random, 10_000, 100_000));
      const depth = spreadDepth(index, random);
      let words = amount;
      // Where the text is cut makes a token more or less.
      while (words > 0 && (await target.countTokens(prompt(words, depth, key))) > most) words--;
      return { prompt: prompt(words, depth, key), expected: [key], depth };
    }),
  );
}

function write(words: readonly string[], depth: number, key: string): string {
  const before = Math.round(depth * words.length);
  const sentence = `\nThe pass key is ${key}. Remember it. ${key} is the pass key.\n`;
  return words.slice(0, before).join("").trimEnd() + sentence + words.slice(before).join("").trimEnd() + question;
}
