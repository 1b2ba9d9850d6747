import { fitHay, takeWords } from "../haystack.ts";
import type { Behaviour, BehaviourReason } from "../result.ts";
import type { Plan } from "../trial.ts";
import { compareBeginnings, comparePerplexities, type Passage } from "./beginnings.ts";
import type { BehaviourOptions } from "./behaviour-options.ts";
import type { EndpointTarget } from "./endpoint-target.ts";
import { judgePasskeys } from "./judge-passkeys.ts";
import { reason } from "./reasons.ts";
import { compareAnswers, comparePrompts } from "./reference.ts";

/** How many texts are scored; four times each. */
const passageCount = 4;
/** Of a server's `max_tokens`, which it plans with, and of templates: what stays within the window is this much shorter. */
const room = 8;
/** The least that can be judged. */
const leastWindow = 64;

/**
 * What a server does with lengths, seen from outside: whether it refuses more than the native window, and if not, whether what it computes within the
 * window depends on what follows beyond, and whether text and pass keys beyond are as good as within. No verdict where intervals overlap.
 *
 * Greatest cost: with prompt log probabilities four times the longest length and ten times the window, in tokens; without them nothing, where the
 * evaluation asked for pass keys within and beyond.
 *
 * @throws what the target throws; the signal's reason
 */
export async function recogniseBehaviour(options: BehaviourOptions): Promise<Behaviour> {
  const { target, plan, signal } = options;
  const { nativeWindow } = target.subject;
  const asked = plan.lengths.filter((length) => length - room > nativeWindow);
  const shortest = asked[0];
  if (shortest === undefined || nativeWindow < leastWindow)
    return { kind: "unclear", reasons: [reason("no_length_beyond", { nativeWindow })] };
  // Every length is tried: what a server says of its window is no proof.
  let length = 0;
  for (const longer of asked) {
    if (!(await target.accepts(await fillPrompt(plan, longer - room), signal))) break;
    length = longer;
  }
  if (length === 0) {
    const values = { length: shortest, nativeWindow, ...declaredWindow(target) };
    return { kind: "limited", reasons: [reason("refused_beyond", values)] };
  }
  const accepted = reason("accepted_beyond", { length, nativeWindow });
  const lacks = await target.missing("perplexity", signal);
  const { kind, reasons } = lacks ? await judgeByAnswers(options, length) : await judgeByPrompts(options, length);
  return { kind, reasons: [accepted, ...reasons] };
}

async function judgeByPrompts(
  { target, plan, reference, signal, onProgress }: BehaviourOptions,
  length: number,
): Promise<Behaviour> {
  const { nativeWindow } = target.subject;
  const texts = takePassages(await target.tokenize(plan.haystack.text), length - room);
  const way = { name: "endpoint", factor: 1 };
  const passages: Passage[] = [];
  for (const [index, tokens] of texts.entries()) {
    const scored: Passage["alone"][] = [];
    for (const part of [
      tokens.subarray(0, Math.floor(nativeWindow / 2)),
      tokens.subarray(0, nativeWindow - room),
      tokens,
      tokens.subarray(room - nativeWindow),
    ]) {
      const { logprobs, refused } = await target.score({ way, tokens: part, signal });
      if (refused) return { kind: "unclear", reasons: [scoreRefused(target, part.length)] };
      scored.push(logprobs);
    }
    const [alone, inside, beyond, end] = scored;
    passages.push({ alone: alone!, inside: inside!, beyond: beyond!, end: end! });
    onProgress?.(index + 1, texts.length);
  }
  const beginning = compareBeginnings(passages, length);
  const perplexity = comparePerplexities(passages, length, nativeWindow);
  const reasons: BehaviourReason[] = [beginning, perplexity];
  if (beginning.code === "beginning_differs") return { kind: "dynamic", reasons };
  if (beginning.code === "beginning_unclear") return { kind: "unclear", reasons };
  if (reference) {
    const inside = texts.map((tokens) => tokens.subarray(0, nativeWindow - room));
    const found = await comparePrompts(
      reference,
      inside,
      passages.map((passage) => passage.inside),
      signal,
    );
    reasons.push(found.reason);
    if (found.nearest === "none") return { kind: "unscaled", reasons };
    return { kind: found.nearest === "scaled" ? "static" : "unclear", reasons };
  }
  if (perplexity.code === "perplexity_collapses") return { kind: "unscaled", reasons };
  return { kind: perplexity.code === "perplexity_holds" ? "static" : "unclear", reasons };
}

/** A server may take more as a question than it declares, and what it declares is kept to where texts are scored. */
function scoreRefused(target: EndpointTarget, length: number): BehaviourReason {
  return reason("score_refused", { length, ...declaredWindow(target) });
}

function declaredWindow({ window }: EndpointTarget): { readonly window?: number } {
  return window === undefined ? {} : { window };
}

async function judgeByAnswers(options: BehaviourOptions, length: number): Promise<Behaviour> {
  const { target, plan, reference, signal } = options;
  const passkeys = await judgePasskeys(options, length);
  const reasons = [reason("no_prompt_logprobs"), passkeys];
  if (passkeys.code === "passkey_drops") return { kind: "unscaled", reasons };
  if (passkeys.code !== "passkey_holds") return { kind: "unclear", reasons };
  if (!reference) return { kind: "scaled", reasons: [...reasons, reason("no_reference")] };
  if (target.isChat) return { kind: "scaled", reasons: [...reasons, reason("asked_by_chats")] };
  const prompts = await Promise.all(
    Array.from({ length: passageCount }, (_, i) =>
      fillPrompt(plan, Math.floor((target.subject.nativeWindow * 3) / 4), i / passageCount),
    ),
  );
  const found = await compareAnswers(reference, target, prompts, signal);
  reasons.push(found.reason);
  // Scaled it is: without scaling within the window it is dynamic, with it static.
  const kinds = { none: "dynamic", scaled: "static", neither: "scaled" } as const;
  return { kind: kinds[found.nearest], reasons };
}

/** Texts of this many tokens from everywhere in the text, which begins again after its end. */
function takePassages(tokens: Uint32Array, length: number): readonly Uint32Array[] {
  return Array.from({ length: passageCount }, (_, passage) => {
    const start = Math.floor((passage * tokens.length) / passageCount);
    return Uint32Array.from({ length }, (_, i) => tokens[(start + i) % tokens.length]!);
  });
}

/** @returns text of at most so many tokens, and nearly as many, from this part of the haystack */
async function fillPrompt({ target, haystack }: Plan, tokens: number, part = 0): Promise<string> {
  const start = Math.floor(part * haystack.words.length);
  const write = (words: number): string => takeWords(haystack, start, words).join("").trimEnd();
  const countTokens = (text: string): Promise<number> => target.countTokens(text);
  const options = { guess: Math.ceil(tokens / 2), least: 1 };
  return write((await fitHay(write, countTokens, tokens, options)) ?? 1);
}
