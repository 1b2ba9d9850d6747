import { createRandom } from "../evaluation/random.ts";
import type { Model } from "../index.ts";

/** A document with a pass key in it, and the question for the key, in exactly the form that the embedded model was trained on. */
export interface PassKeyTask {
  /** Tokens of document and question. */
  readonly prompt: Uint32Array;
  /** The five digits. */
  readonly expected: string;
}

const question = "\nWhat is the pass key? The pass key is ";

/**
 * Makes a task of an exact length: lines of text, the key between two of them, the question. What is too much is cut from the front.
 *
 * @param lines - the text
 * @param totalTokens - of document, question and answer together
 * @param seed - chooses the text, the key, and its place
 */
export async function createPassKeyTask(
  model: Model,
  lines: readonly string[],
  totalTokens: number,
  seed: number,
): Promise<PassKeyTask> {
  const random = createRandom(seed);
  const expected = String(10_000 + Math.floor(random() * 90_000));
  const wanted = totalTokens - expected.length; // a digit is a token
  const start = Math.floor(random() * (lines.length / 2));
  const place = random();
  for (let count = Math.ceil(totalTokens / 64); start + count <= lines.length; count++) {
    const chosen = lines.slice(start, start + count);
    const key = Math.max(3, Math.min(count - 1, Math.round(place * count))); // past what is cut from the front
    const sentence = `\nThe pass key is ${expected}. Remember it. ${expected} is the pass key.\n`;
    const before = chosen.slice(0, key).join("\n");
    const tokens = await model.tokenize(before + sentence + chosen.slice(key).join("\n") + question);
    const excess = tokens.length - wanted;
    if (excess >= 0 && excess < (await model.tokenize(before)).length)
      return { expected, prompt: tokens.subarray(excess) };
  }
  throw new Error(`the text has too few lines for ${totalTokens} tokens`);
}
