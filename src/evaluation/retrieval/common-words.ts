import { fitHay } from "../haystack.ts";
import type { Question } from "../questions.ts";
import { createRandom, seedOf, shuffled } from "../random.ts";
import type { Plan } from "../trial.ts";
import { wordPair, wordPairCount, words } from "./words.ts";

/** Of an answer, in tokens. */
export const commonWordsAnswerTokens = 120;

const commonCount = 10;

/** How often common and uncommon words stand in a list; in the example there are `count` different ones. */
interface Frequencies {
  readonly common: number;
  readonly uncommon: number;
  readonly example: { readonly count: number; readonly common: number; readonly uncommon: number };
}

const usual: Frequencies = { common: 30, uncommon: 3, example: { count: 40, common: 10, uncommon: 3 } };
/** RULER's for lengths below 4096. */
const short: Frequencies = { common: 6, uncommon: 1, example: { count: 20, common: 3, uncommon: 1 } };

/**
 * Common-word extraction: a numbered list of words, ten of which stand in it more often than the others, and the question which.
 *
 * @returns nothing where not even a list with one uncommon word fits the length
 * @see Hsieh et al., RULER (2024), section 3.3; the wording is that of https://github.com/NVIDIA/RULER
 */
export async function makeCommonWordsQuestion(
  { target, seed }: Plan,
  length: number,
  index: number,
): Promise<Question | undefined> {
  const frequencies = length < 4096 ? short : usual;
  const { example } = frequencies;
  const random = createRandom(seedOf(seed, "cwe", length, index));
  const shown = shuffled(random, words);
  const common = shown.slice(0, commonCount);
  const answered = common.map((word, i) => `${i + 1}. ${word}`).join(" ");
  const exampleText = `${ask(shown.slice(0, example.count), example, seedOf(seed, "cwe", length, index, "example"))} ${answered}\n`;
  const seedList = seedOf(seed, "cwe", length, index, "list");
  const prompt = (pool: readonly string[], count: number): string =>
    exampleText + ask(pool.slice(0, count), frequencies, seedList);
  const countFitting = (pool: readonly string[]): Promise<number | undefined> =>
    fitHay(
      (count) => prompt(pool, count),
      (text) => target.countTokens(text),
      length - commonWordsAnswerTokens,
      { guess: Math.ceil(length / 6 / frequencies.uncommon), least: commonCount + 1, largest: pool.length },
    );
  let pool = shuffled(random, words);
  let count = await countFitting(pool);
  if (count === pool.length) {
    // There is room for more than all words: ones of two parts are more.
    pool = shuffled(random, [...Array(wordPairCount).keys()]).map(wordPair);
    count = await countFitting(pool);
  }
  if (count === undefined) return undefined;
  return { prompt: prompt(pool, count), expected: pool.slice(0, commonCount) };
}

/** The first ten are the common ones. */
function ask(
  different: readonly string[],
  { common, uncommon }: { readonly common: number; readonly uncommon: number },
  seed: number,
): string {
  const all = different.flatMap((word, i) => Array<string>(i < commonCount ? common : uncommon).fill(word));
  const list = shuffled(createRandom(seed), all);
  return (
    "Below is a numbered list of words. In these words, some appear more often than others. Memorize the ones that appear most often.\n" +
    `${list.map((word, i) => `${i + 1}. ${word}`).join(" ")}\n` +
    "Question: What are the 10 most common words in the above list?" +
    " Answer: The top 10 words that appear most often in the list are:"
  );
}
