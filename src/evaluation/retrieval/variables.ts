import { fitHay } from "../haystack.ts";
import type { Question } from "../questions.ts";
import { createRandom, pickWhole, seedOf, shuffled } from "../random.ts";
import type { Plan } from "../trial.ts";
import { noise } from "./noise.ts";
import { drawDistinct } from "./words.ts";

/** Of an answer, in tokens. */
export const variablesAnswerTokens = 30;

/** A chain is one variable with a value, and so many that are assigned from the one before. */
const hops = 4;
/** An example stands before the question, in so many tokens. */
const exampleTokens = 500;

/**
 * Variable tracking: one chain of assignments in noise, and a question for all variables that have its value.
 *
 * @returns nothing where not even the least noise, one line for each variable, fits the length
 * @see Hsieh et al., RULER (2024), section 3.2; the wording is that of https://github.com/NVIDIA/RULER
 */
export async function makeVariableQuestion(
  { target, seed }: Plan,
  length: number,
  index: number,
): Promise<Question | undefined> {
  const random = createRandom(seedOf(seed, "vt", length, index));
  const countTokens = (text: string): Promise<number> => target.countTokens(text);
  const drawValue = drawDistinct(() => String(pickWhole(random, 10_000, 100_000)));
  const least = hops + 1;
  const shown = drawChain(random, drawValue(), 3);
  const seedShown = seedOf(seed, "vt", length, index, "example");
  const show = (lines: number): string => `${ask(shown, lines, seedShown)} ${shown.variables.join(" ")}\n\n`;
  const shownLines = (await fitHay(show, countTokens, exampleTokens, { guess: 10, least })) ?? least;
  const example = show(shownLines);
  const chain = drawChain(random, drawValue(), 5);
  const seedAsked = seedOf(seed, "vt", length, index, "places");
  const prompt = (lines: number): string => example + ask(chain, lines, seedAsked);
  const guess = Math.ceil(length / 25);
  const lines = await fitHay(prompt, countTokens, length - variablesAnswerTokens, { guess, least });
  if (lines === undefined) return undefined;
  return { prompt: prompt(lines), expected: chain.variables };
}

interface Chain {
  readonly value: string;
  readonly variables: readonly string[];
}

function drawChain(random: () => number, value: string, letters: number): Chain {
  const drawName = drawDistinct(() =>
    Array.from({ length: letters }, () => String.fromCharCode(pickWhole(random, 65, 91))).join(""),
  );
  return { value, variables: Array.from({ length: hops + 1 }, drawName) };
}

/** Assignments in their order, each before another line of noise. */
function ask({ value, variables }: Chain, lines: number, seed: number): string {
  const places = shuffled(createRandom(seed), [...Array(lines).keys()]).slice(0, variables.length);
  const inOrder = places.sort((a, b) => a - b);
  const context = Array.from({ length: lines }, (_, line) => {
    const hop = inOrder.indexOf(line);
    if (hop < 0) return noise;
    const assigned = hop === 0 ? value : `VAR ${variables[hop - 1]}`;
    return `VAR ${variables[hop]} = ${assigned}\n${noise}`;
  }).join("\n");
  return (
    `Memorize and track the chain(s) of variable assignment hidden in the following text.\n\n${context}\n` +
    `Question: Find all variables that are assigned the value ${value} in the text above.` +
    ` Answer: According to the chain(s) of variable assignment in the text above, ${variables.length} variables` +
    // "assgined" is how RULER asks.
    ` are assgined the value ${value}, they are: `
  );
}
