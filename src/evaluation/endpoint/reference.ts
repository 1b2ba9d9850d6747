import { meanInterval } from "../interval.ts";
import type { LocalTarget } from "../local-target.ts";
import type { BehaviourReason } from "../result.ts";
import type { Way } from "../target.ts";
import { mean, meanDifference } from "./beginnings.ts";
import type { EndpointTarget } from "./endpoint-target.ts";
import { reason } from "./reasons.ts";

/** A local model of the same weights. */
export interface Reference {
  readonly target: LocalTarget;
  /** Of the target's ways: unscaled, and the static scaling that the server is thought to have. */
  readonly none: Way;
  readonly scaled: Way;
}

/** To which of the reference's ways a server's numbers are nearer. */
export interface Nearest {
  readonly nearest: "none" | "scaled" | "neither";
  readonly reason: BehaviourReason;
}

/** Tokens of an answer, whose log probabilities are compared. */
const answerTokens = 32;

/** Compares log probabilities of texts that fit the window. */
export async function comparePrompts(
  reference: Reference,
  texts: readonly Uint32Array[],
  served: readonly ArrayLike<number>[],
  signal: AbortSignal,
): Promise<Nearest> {
  const distances = (way: Way): Promise<readonly number[]> =>
    Promise.all(
      texts.map(async (tokens, i) => {
        const { logprobs } = await reference.target.score({ way, tokens, signal });
        return meanDifference(served[i]!, logprobs);
      }),
    );
  return judge(reference, await distances(reference.none), await distances(reference.scaled));
}

/** Compares log probabilities of what a server answers to prompts that fit the window: each way scores prompt and answer. */
export async function compareAnswers(
  reference: Reference,
  target: EndpointTarget,
  prompts: readonly string[],
  signal: AbortSignal,
): Promise<Nearest> {
  const none: number[] = [];
  const scaled: number[] = [];
  for (const prompt of prompts) {
    const { text, logprobs = [] } = await target.complete(prompt, answerTokens, signal);
    const before = await reference.target.tokenizePrompt(prompt);
    const answer = await reference.target.tokenize(text);
    // An end token has no text. Where the texts' tokens are others than those that were answered, they are no measure.
    const count = answer.length;
    if (count === 0 || (logprobs.length !== count && logprobs.length !== count + 1)) continue;
    // Not by spreading, which takes the stack: a prompt may have more tokens than that.
    const tokens = new Uint32Array(before.length + count);
    tokens.set(before);
    tokens.set(answer, before.length);
    const distance = async (way: Way): Promise<number> => {
      const scores = await reference.target.score({ way, tokens, signal });
      const own = Array.from(scores.logprobs).slice(before.length);
      return mean(own.map((logprob, i) => Math.abs(logprob - logprobs[i]!)));
    };
    none.push(await distance(reference.none));
    scaled.push(await distance(reference.scaled));
  }
  return none.length === 0
    ? { nearest: "neither", reason: reason("no_answer_logprobs") }
    : judge(reference, none, scaled);
}

/**
 * A way counts as the server's where it is nearer than half as far as the other: another factor than the reference's is near to neither.
 *
 * @param none - distances from it, one a passage; in the same order those from `scaled`
 */
function judge(ways: Reference, none: readonly number[], scaled: readonly number[]): Nearest {
  const isNone = mean(none) < mean(scaled);
  const [near, far] = isNone ? [none, scaled] : [scaled, none];
  const values = {
    method: (isNone ? ways.none : ways.scaled).name,
    difference: mean(near),
    other: mean(far),
    passages: none.length,
  };
  const { interval } = meanInterval(near.map((distance, i) => 2 * distance - far[i]!));
  if (!interval || interval[1] >= 0) return { nearest: "neither", reason: reason("reference_unclear", values) };
  return { nearest: isNone ? "none" : "scaled", reason: reason("reference_agrees", values) };
}
