/** Text that questions are hidden in, and that perplexities are taken of. */
export interface Haystack {
  readonly name: string;
  readonly text: string;
  /** Each with its following blank or line break; joined they are the text. Of a script without blanks, a few letters. */
  readonly words: readonly string[];
}

/** Chinese has no blanks: were a paragraph one word, texts would be far shorter than their length, and keys would stand at its ends alone. */
const word = /(?:[\p{Lo}\p{So}]{1,4}[^\s\p{L}\p{So}]{0,8}|[^\s\p{Lo}\p{So}]{1,32})\s*/gu;

export function createHaystack(name: string, text: string): Haystack {
  return { name, text, words: text.match(word) ?? [] };
}

/** @returns `count` words from the one at `start`, from the text's beginning again after its end */
export function takeWords({ words }: Haystack, start: number, count: number): readonly string[] {
  return Array.from({ length: count }, (_, i) => words[(start + i) % words.length]!);
}

/**
 * Finds how much hay makes a prompt as long as it may be.
 *
 * @param make - the prompt with so many words, or lines, or whatever it is that there may be more of: each adds a token at least
 * @param countTokens - of a prompt
 * @param most - tokens that it may have
 * @param guess - how many to try first
 * @param largest - how many there are, where there are no more
 * @returns the largest amount whose prompt fits; undefined when not even the least does
 */
export async function fitHay(
  make: (amount: number) => string,
  countTokens: (text: string) => Promise<number>,
  most: number,
  {
    guess,
    least = 0,
    largest = Number.POSITIVE_INFINITY,
  }: { readonly guess: number; readonly least?: number; readonly largest?: number },
): Promise<number | undefined> {
  const tried = new Map<number, number>();
  const measure = async (amount: number): Promise<number> => {
    const known = tried.get(amount) ?? (await countTokens(make(amount)));
    tried.set(amount, known);
    return known;
  };
  const empty = await measure(least);
  if (empty > most) return undefined;
  let low = least; // fits
  let high = Math.min(least + most - empty, largest) + 1; // does not, or there are not so many
  let next = Math.min(Math.max(least + 1, guess), high - 1);
  while (high - low > 1) {
    const tokens = await measure(next);
    if (tokens <= most) low = next;
    else high = next;
    // As many more as the tokens left make at the rate so far, and one: the other side is soon found.
    const rate = Math.max(1e-6, (tokens - empty) / (next - least));
    const aimed = next + Math.trunc((most - tokens) / rate) + (tokens <= most ? 1 : -1);
    next = Math.min(Math.max(aimed, low + 1), high - 1);
  }
  return low;
}
