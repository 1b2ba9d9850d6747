import type { ContextOptions, Model } from "../index.ts";
import type { Answer } from "./target.ts";

/**
 * Answers several prompts, and reads what they begin with in common once: a row's bits depend on its tokens and its encoding alone, so that answers are
 * those of prompts that are read by themselves.
 *
 * @param prompts - tokens of each
 * @param options.length - tokens that each is planned for
 * @param options.onTokens - told how many tokens were read, all together
 * @returns in the prompts' order
 */
export async function answerSharing(
  model: Model,
  prompts: readonly Uint32Array[],
  {
    context,
    maxTokens,
    length,
    signal,
    onTokens,
  }: {
    readonly context: ContextOptions;
    readonly maxTokens: number;
    readonly length: number;
    readonly signal: AbortSignal;
    readonly onTokens?: ((completed: number) => void) | undefined;
  },
): Promise<readonly Answer[]> {
  const order = prompts.map((_, i) => i).sort((a, b) => compareTokens(prompts[a]!, prompts[b]!));
  const answers: Answer[] = new Array(prompts.length);
  await using shared = await model.createSession({ plannedTokens: length, context });
  let read = 0;
  const onProgress = ({ completed }: { readonly completed: number }): void => onTokens?.(read + completed);
  for (const [rank, index] of order.entries()) {
    const prompt = prompts[index]!;
    const following = order[rank + 1];
    // The last token is left to the answer: its logits are wanted.
    const common = following === undefined ? 0 : commonLength(prompt, prompts[following]!);
    const kept = Math.min(common, prompt.length - 1);
    if (kept > shared.length) {
      const rest = prompt.subarray(shared.length, kept);
      await shared.append(rest, { signal, onProgress });
      read += rest.length;
    }
    await using session = await shared.fork();
    const rest = prompt.subarray(shared.length);
    const { text, factor } = await session
      .generate({ tokens: rest, maxTokens, ...greedy, signal, onProgress })
      .result();
    read += rest.length;
    onTokens?.(read);
    answers[index] = { text, factor };
    if (shared.length > kept) await shared.truncate(kept);
  }
  return answers;
}

/** Whatever a model's `generation_config.json` says: an evaluation asks for the best token. */
export const greedy = { temperature: 0, repetitionPenalty: 1, presencePenalty: 0, frequencyPenalty: 0 } as const;

/** Those that begin in the same way come one after the other. */
function compareTokens(a: Uint32Array, b: Uint32Array): number {
  const common = commonLength(a, b);
  return (a[common] ?? -1) - (b[common] ?? -1);
}

function commonLength(a: Uint32Array, b: Uint32Array): number {
  const most = Math.min(a.length, b.length);
  let length = 0;
  while (length < most && a[length] === b[length]) length++;
  return length;
}
