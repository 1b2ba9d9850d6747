import { createRandom } from "../src/sampling/random.ts";

/** Tokens that are the same in every run and for every engine; a longer text begins with the shorter ones. */
export function randomTokens(count: number, vocabulary: number): number[] {
  const random = createRandom(vocabulary);
  return Array.from({ length: count }, () => Math.floor(random.next() * vocabulary));
}
