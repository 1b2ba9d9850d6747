import { UnsupportedError } from "../../index.ts";
import type { Answered } from "./answered.ts";
import type { Completions } from "./completions.ts";
import { EndpointError, isUnwilling } from "./endpoint-error.ts";

/** How a server is asked for the log probabilities of a prompt: `prompt_logprobs` of vLLM, or `echo` of OpenAI's older models, SGLang and vLLM. */
export type PromptLogprobs = "prompt_logprobs" | "echo";

/**
 * Finds out by a small request whether a server returns the log probabilities of prompts, and how.
 *
 * @param tokens - a few of the model's
 * @throws UnsupportedError where it does not
 */
export async function findPromptLogprobs(
  completions: Completions,
  tokens: Uint32Array,
  signal: AbortSignal,
): Promise<PromptLogprobs> {
  if (!completions.isChat) {
    for (const way of ["prompt_logprobs", "echo"] as const) {
      try {
        await scorePrompt(completions, way, tokens, signal);
        return way;
      } catch (error) {
        // A server that does not know a field refuses it, or leaves out what was asked for.
        if (!isUnwilling(error)) throw error;
      }
    }
  }
  throw new UnsupportedError(
    `${completions.url} does not return the log probabilities of prompts (prompt_logprobs, or echo with logprobs, ` +
      "for prompts of tokens), which perplexity needs: vLLM and SGLang do, llama.cpp's server does not",
  );
}

/**
 * @returns natural logarithms, one a token; NaN for the first
 * @throws EndpointError, as for a prompt that is too long; the signal's reason
 */
export async function scorePrompt(
  completions: Completions,
  way: PromptLogprobs,
  tokens: Uint32Array,
  signal: AbortSignal,
): Promise<Float64Array> {
  // vLLM's `prompt_logprobs: 0` is of the prompt's own tokens alone. No server answers with less than one token everywhere.
  const more = way === "echo" ? { echo: true, logprobs: 1 } : { prompt_logprobs: 0 };
  const answer = await completions.post(completions.body(tokens, 1, more), tokens.length, signal);
  const choice = answer.field("choices").only();
  const entries =
    way === "echo"
      ? choice
          .field("logprobs")
          .field("token_logprobs")
          .list(tokens.length + 1) // the answer's token too
      : choice.field("prompt_logprobs").list(tokens.length);
  if (entries.length < tokens.length) {
    throw new EndpointError(
      completions.url,
      `returned log probabilities of ${entries.length} tokens where the prompt has ${tokens.length}`,
    );
  }
  return Float64Array.from(tokens, (token, i) => {
    if (i === 0) return Number.NaN;
    return way === "echo" ? entries[i]!.logprob() : ofToken(entries[i]!, token);
  });
}

/** An entry has the likeliest tokens, and the prompt's own by its number. */
function ofToken(entry: Answered, token: number): number {
  return entry.field(String(token)).field("logprob").logprob();
}
