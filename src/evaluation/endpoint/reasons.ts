import type { BehaviourReason } from "../result.ts";

type BehaviourCode =
  | "refused_beyond"
  | "accepted_beyond"
  | "no_length_beyond"
  | "no_prompt_logprobs"
  | "score_refused"
  | "beginning_same"
  | "beginning_differs"
  | "beginning_unclear"
  | "perplexity_holds"
  | "perplexity_collapses"
  | "perplexity_unclear"
  | "passkey_holds"
  | "passkey_drops"
  | "passkey_unclear"
  | "reference_agrees"
  | "reference_unclear"
  | "no_reference"
  | "asked_by_chats"
  | "no_answer_logprobs";

/**
 * What a verdict about a server stands on.
 *
 * | code | says | values |
 * |---|---|---|
 * | `refused_beyond` | a prompt of so many tokens was sent, and refused | `length`, `nativeWindow`; `window` where the server tells one |
 * | `accepted_beyond` | prompts of so many tokens are taken | `length`, `nativeWindow` |
 * | `no_length_beyond` | no length beyond the native window was asked for: nothing is known of it | `nativeWindow` |
 * | `no_prompt_logprobs` | no log probabilities of prompts: judged by pass keys | none |
 * | `score_refused` | it takes so many tokens as a question, and not to be scored, or declares that it does not: nothing can be compared | `length`; `window` where the server tells one |
 * | `beginning_same` | log probabilities of a beginning are the same whether the input fits the window or not | `difference`, `noise`: means of the amount by which a token's changes, in nats, beyond the window and within; `length`, `passages` |
 * | `beginning_differs` | they are not: the factor follows the length | the same |
 * | `beginning_unclear` | the server's own noise hides it | the same |
 * | `perplexity_holds` | at the end of so many tokens it is less than a quarter above that of the window | `inside`, `beyond`: perplexities; `length`, `passages` |
 * | `perplexity_collapses` | it is more than a quarter above | the same |
 * | `perplexity_unclear` | the interval of their ratio has the limit in it | the same |
 * | `passkey_holds` | pass keys are found beyond the window more than half as often as within | `inside`, `beyond`: rates; `insideLength`, `length`, `samples` |
 * | `passkey_drops` | less than half as often | the same |
 * | `passkey_unclear` | intervals overlap the half, or too few are found within the window | the same |
 * | `reference_agrees` | within the window it computes as this method on the same weights | `method`; `difference`, `other`: mean distances in nats from this method and from the next one; `passages` |
 * | `reference_unclear` | it is not nearer to one method than half as far as to the other: of another factor, or of other weights | `method`, `difference`, `other`, `passages` |
 * | `no_reference` | static and dynamic, or static and unscaled, cannot be told apart without the same weights at hand | none |
 * | `asked_by_chats` | nor with them: its log probabilities are of chats in its template, the reference's of the prompts alone | none |
 * | `no_answer_logprobs` | nor with them: the server returns no log probabilities of answers that can be compared | none |
 */
export function reason(code: BehaviourCode, values: BehaviourReason["values"] = {}): BehaviourReason {
  return { code, values };
}
