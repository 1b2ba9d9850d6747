import type { Session } from "../../index.ts";
import { addComparisons, type Comparison, compareLogits } from "./compare-logits.ts";

/** The most that the logits of one piece may take: two of them are here at a time, for each of the trials that run at once. */
const mostLogitsBytes = 2 ** 25;
const mostRows = 256;

/**
 * Reads the rest of a text in two sessions, piece by piece, and compares what they make of it. The last token is read and predicts nothing.
 *
 * @param exact - a session that has the text's beginning
 * @param other - a session with as many tokens of it
 * @param onTokens - told how many tokens of the rest were read, in both sessions together
 */
export async function compareSessions(
  exact: Session,
  other: Session,
  tokens: Uint32Array,
  {
    vocabulary,
    signal,
    onTokens,
  }: { readonly vocabulary: number; readonly signal: AbortSignal; readonly onTokens: (completed: number) => void },
): Promise<Comparison> {
  const begin = exact.length;
  const rows = Math.max(1, Math.min(mostRows, Math.floor(mostLogitsBytes / (4 * vocabulary))));
  const comparisons: Comparison[] = [];
  for (let start = begin; start < tokens.length; start += rows) {
    const piece = tokens.subarray(start, start + rows);
    const next = tokens.subarray(start + 1, start + rows + 1);
    const [p, q] = await Promise.all(
      [exact, other].map(async (session) => (await session.append(piece, { logits: "all", signal })).logits!),
    );
    comparisons.push(compareLogits(p!, q!, next, vocabulary));
    onTokens(2 * (start + piece.length - begin));
  }
  return addComparisons(comparisons);
}
