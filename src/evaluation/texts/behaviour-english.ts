import type { Behaviour } from "../result.ts";
import type { ReasonText } from "./reason-values.ts";

export const behavioursEnglish: Readonly<Record<Behaviour["kind"], string>> = {
  limited: "The server refuses what is longer than the native window.",
  unscaled: "The server looks unscaled: it takes more than the native window, and is bad there.",
  static: "The server looks statically scaled: one encoding for all lengths, good beyond the window.",
  dynamic: "The server looks dynamically scaled: another encoding beyond the window than within.",
  scaled: "The server looks scaled, statically or dynamically.",
  unclear: "How the server scales cannot be told.",
};

const passkeys: ReasonText = ({ show, rate }) =>
  `pass keys: ${rate("inside")} at ${show("insideLength")} tokens, ${rate("beyond")} at ${show("length")}`;
const ends: ReasonText = ({ show }) =>
  `perplexity ${show("inside")} within the window, ${show("beyond")} at the end of ${show("length")} tokens`;
const beginning: ReasonText = ({ show }) =>
  `a token's log probability there differs by ${show("difference")} nats, and by ${show("noise")} in noise alone`;

/** By code. */
export const reasonsEnglish: Readonly<Record<string, ReasonText>> = {
  refused_beyond: ({ show, has }) =>
    `It refused ${show("length")} tokens${has("window") ? `, and says that its window is ${show("window")}` : ""}.`,
  accepted_beyond: ({ show }) => `It takes ${show("length")} tokens.`,
  no_length_beyond: ({ show }) => `No length beyond the native window of ${show("nativeWindow")} tokens was asked for.`,
  no_prompt_logprobs: () => "It returns no log probabilities of prompts, and is judged by pass keys.",
  score_refused: ({ show, has }) =>
    `Texts of ${show("length")} tokens could not be scored${has("window") ? `: it says that its window is ${show("window")}` : ""}.`,
  beginning_same: (values) => `A beginning is computed the same whatever follows it: ${beginning(values)}.`,
  beginning_differs: (values) =>
    `A beginning is computed otherwise once the text is longer than the window: ${beginning(values)}.`,
  beginning_unclear: (values) => `Whether a beginning is computed the same is hidden by noise: ${beginning(values)}.`,
  perplexity_holds: (values) =>
    `Beyond the window the perplexity of text is higher by less than a quarter: ${ends(values)}.`,
  perplexity_collapses: (values) =>
    `Beyond the window the perplexity of text is higher by more than a quarter: ${ends(values)}.`,
  perplexity_unclear: (values) =>
    `Whether the perplexity of text is higher by more than a quarter beyond the window is not clear: ${ends(values)}.`,
  passkey_holds: (values) =>
    `Beyond the window more than half as many answers are right as within; ${passkeys(values)}.`,
  passkey_drops: (values) =>
    `Beyond the window less than half as many answers are right as within; ${passkeys(values)}.`,
  passkey_unclear: (values) =>
    `Whether half as many answers are right beyond the window as within is not clear; ${passkeys(values)}.`,
  reference_agrees: ({ show }) =>
    `Within the window it computes as ${show("method")} does on the same weights: ${show("difference")} nats from it, ${show("other")} from the next.`,
  reference_unclear: ({ show }) =>
    `Within the window it is near to neither reference: ${show("difference")} nats from ${show("method")}, ${show("other")} from the other. Its factor, or its weights, may be others.`,
  no_reference: () => "Static and other encodings are told apart only beside the same weights.",
  asked_by_chats: () => "It was asked by chats, and the reference reads prompts without a template: not compared.",
  no_answer_logprobs: () => "It returns no log probabilities of answers that could be compared.",
};
