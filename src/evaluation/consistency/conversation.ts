import type { ContextOptions, Model, Session } from "../../index.ts";
import type { Method } from "../method.ts";

/** How a conversation of some length outgrows its plans. */
export interface GrowthPlan {
  /** How many tokens it has when its factor rises: each is where a turn begins. */
  readonly rises: readonly number[];
  /** What a session is given to grow there, in whatever pieces it is read. */
  readonly context: ContextOptions;
}

/**
 * A conversation fills the native window, and goes on in turns of half an original window each; each turn is planned for all of its tokens, as the
 * engine plans it.
 *
 * @param length - of the whole, in tokens
 */
export async function planGrowth(model: Model, { context }: Method, length: number): Promise<GrowthPlan> {
  const ends = turnEnds(length, model.context);
  const factors: number[] = [];
  for (const plannedTokens of ends) {
    await using session = await model.createSession({ plannedTokens, context });
    factors.push(session.factor);
  }
  return {
    rises: ends.slice(0, -1).filter((_, turn) => factors[turn + 1]! > factors[turn]!),
    // Turns end where windows of these factors do: so a part of a turn is planned as all of it is, when the factor is continuous, too.
    context: { ...context, steps: [...new Set(factors)] },
  };
}

/**
 * Reads a conversation up to the first token of the turn in which its factor rises last.
 *
 * @param options.onTokens - told how many tokens were read; those that growing reads again do not count
 * @returns how long the first tokens of the turns took in which it rose, in seconds: growing, and computing one token
 */
export async function converse(
  session: Session,
  tokens: Uint32Array,
  rises: readonly number[],
  { signal, onTokens }: { readonly signal: AbortSignal; readonly onTokens: (completed: number) => void },
): Promise<number> {
  let seconds = 0;
  for (const rise of rises) {
    const begin = session.length;
    const onProgress = ({ completed }: { readonly completed: number }): void => onTokens(begin + completed);
    await session.append(tokens.subarray(begin, rise), { signal, onProgress });
    const began = performance.now();
    await session.append(tokens.subarray(rise, rise + 1), { signal });
    seconds += (performance.now() - began) / 1000;
  }
  return seconds;
}

/** Where the default steps' windows end, turns end, too. */
function turnEnds(length: number, { nativeWindow, originalWindow }: Model["context"]): readonly number[] {
  let turn = originalWindow / 2;
  while (length / turn > 32) turn *= 2; // as many factors as a session may be given, and turns worth computing
  const turns = Array.from({ length: Math.ceil(length / turn) }, (_, i) => Math.round((i + 1) * turn));
  const ends = [nativeWindow, 2 * originalWindow, 4 * originalWindow, ...turns, length];
  const inside = ends.filter((end) => end >= Math.min(nativeWindow, length) && end <= length);
  return [...new Set(inside)].sort((a, b) => a - b);
}
