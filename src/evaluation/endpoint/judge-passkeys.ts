import { depthParts, passkeyTrials } from "../passkey.ts";
import { accuracyCells } from "../questions.ts";
import type { AccuracyCell, BehaviourReason, Sample } from "../result.ts";
import type { BehaviourOptions } from "./behaviour-options.ts";
import { reason } from "./reasons.ts";

/** Asked where the evaluation did not. */
const fewSamples = 20;
/** Of the pass keys that are found within the window, how many have to be found beyond it. */
const share = 1 / 2;
/** Below this rate within the window, a model cannot be judged by pass keys. */
const leastRate = 1 / 2;

/**
 * Whether pass keys are found beyond the window as within it: at the longest length of either.
 *
 * @param length - the longest that is accepted
 */
export async function judgePasskeys(options: BehaviourOptions, length: number): Promise<BehaviourReason> {
  const { target, cells = [] } = options;
  const { nativeWindow } = target.subject;
  const found = cells.filter((cell): cell is AccuracyCell => cell.suite === "passkey");
  const inside = findLast(found, (at) => at <= nativeWindow) ?? (await ask(options, nativeWindow));
  const beyond = findLast(found, (at) => at === length) ?? (await ask(options, length));
  if (!inside || !beyond) return reason("passkey_unclear", { insideLength: nativeWindow, length });
  const values = {
    inside: inside.accuracy,
    beyond: beyond.accuracy,
    insideLength: inside.length,
    length,
    samples: beyond.samples,
  };
  const [low, high] = inside.interval;
  if (low < leastRate) return reason("passkey_unclear", values);
  if (beyond.interval[1] < low * share) return reason("passkey_drops", values);
  return reason(beyond.interval[0] > high * share ? "passkey_holds" : "passkey_unclear", values);
}

function findLast(cells: readonly AccuracyCell[], isWanted: (length: number) => boolean): AccuracyCell | undefined {
  return cells.filter(({ length }) => isWanted(length)).sort((a, b) => b.length - a.length)[0];
}

async function ask({ plan, signal, onProgress }: BehaviourOptions, length: number): Promise<AccuracyCell | undefined> {
  const samples: Sample[] = [];
  // Few as they are, each has to be worth one.
  const trials = passkeyTrials({ ...plan, lengths: [length], samples: fewSamples, share: 1 });
  for (const [index, trial] of trials.entries()) {
    samples.push(...(await trial.run({ signal, onTokens: () => {} })));
    onProgress?.(index + 1, trials.length);
  }
  return accuracyCells(samples, depthParts)[0];
}
