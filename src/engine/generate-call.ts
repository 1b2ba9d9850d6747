import { readContextOptions } from "../context/options.ts";
import { checkFlag, checkOption, checkWhole, InvalidOptionError, show } from "../errors.ts";
import type { GenerationDefaults } from "../model/generation-config.ts";
import { type SamplingOptions, validateSamplingOptions } from "../sampling/options.ts";
import type { GenerateCall, SessionId } from "./methods.ts";
import type { ModelParts } from "./model-parts.ts";
import type { GenerateOptions } from "./options.ts";
import { copyPlainData } from "./template-client.ts";
import type { TextClient } from "./text-client.ts";

const mostStops = 16;
const mostAlternatives = 20;
const mostGuesses = 32;
const usualGuesses = 8;
const mostTokens = 2 ** 31;
const mostInputTokens = 2 ** 26;

/** What is left to be done when a generation begins: its text becomes tokens. */
export type PrepareGenerateCall = (
  session: { readonly id: SessionId; readonly length: number } | undefined,
  signal: AbortSignal,
) => Promise<GenerateCall>;

/**
 * Checks the options of a generation, and takes them by their names: whose they are may change them while the call waits. Null is what is left out: bodies in
 * JSON are full of it.
 *
 * @throws InvalidOptionError naming the option
 */
export function takeGenerateOptions(options: GenerateOptions, { text, defaults }: ModelParts): PrepareGenerateCall {
  const context = readContextOptions(options.context ?? {});
  const adapter = options.adapter ?? undefined;
  checkOption("adapter", adapter, typeof adapter === "string", "the name of an adapter");
  const sampling = mergeSampling(options, defaults);
  validateSamplingOptions(sampling);
  const maxTokens = options.maxTokens ?? undefined;
  checkWhole("maxTokens", maxTokens, 1, mostTokens, " (to read tokens only, append them to a session)");
  const taken = {
    maxTokens,
    sampling,
    stop: checkStop(options.stop),
    endTokens: checkEndTokens(options.endTokens) ?? defaults.endTokens,
    logprobs: checkLogprobs(options.logprobs),
    promptLookup: checkPromptLookup(options.promptLookup),
    context,
    adapter,
    replace: isPresent(options.messages),
  };
  const read = takeInput(options, text);
  return async (session, signal) => ({
    ...taken,
    session: session?.id,
    tokens: await read(session?.length, signal),
  });
}

/** @throws InvalidOptionError unless all are token numbers */
export function toTokens(tokens: ArrayLike<number>, option = "tokens"): Uint32Array {
  if (typeof tokens !== "object" || tokens === null || !Number.isSafeInteger(tokens.length) || tokens.length < 0) {
    throw new InvalidOptionError(option, "must be a list of token numbers");
  }
  if (tokens.length > mostInputTokens) {
    throw new InvalidOptionError(option, `${tokens.length} are more than any window takes`);
  }
  if (ArrayBuffer.isView(tokens) && (tokens.buffer as ArrayBuffer).detached) {
    throw new InvalidOptionError(option, "have lost their buffer: it was transferred");
  }
  if (tokens instanceof Uint32Array) return tokens.slice();
  const out = new Uint32Array(tokens.length);
  for (let i = 0; i < out.length; i++) {
    const token = tokens[i];
    if (typeof token !== "number" || !Number.isInteger(token) || token < 0 || token >= 2 ** 32) {
      throw new InvalidOptionError(`${option}[${i}]`, `${show(token)} is not a token number`);
    }
    out[i] = token;
  }
  return out;
}

/** @returns what reads the input; it is told how many tokens its session has, if it has one */
function takeInput(
  options: GenerateOptions,
  text: TextClient,
): (before: number | undefined, signal: AbortSignal) => Promise<Uint32Array> | Uint32Array {
  const { prompt, messages, tokens, tools, templateArguments } = options;
  const given = Object.entries({ prompt, messages, tokens }).filter(([, value]) => isPresent(value));
  if (given.length > 1)
    throw new InvalidOptionError(
      given[1]![0],
      `cannot stand beside ${given[0]![0]}; give one of prompt, messages and tokens`,
    );
  if (isPresent(tokens)) {
    const taken = toTokens(tokens);
    return () => taken;
  }
  if (isPresent(messages)) {
    const taken = copyPlainData({ messages, tools, templateArguments, addGenerationPrompt: true });
    return (_, signal) => text.encodeChat(taken, signal);
  }
  if (isPresent(tools ?? templateArguments))
    throw new InvalidOptionError(
      isPresent(tools) ? "tools" : "templateArguments",
      "are for the chat template: give messages",
    );
  if (isPresent(prompt)) {
    const specialTokens = options.specialTokens ?? true;
    checkOption("prompt", prompt, typeof prompt === "string", "a text");
    checkFlag("specialTokens", specialTokens);
    return (before = 0, signal) => text.encode({ text: prompt, specialTokens, continues: before > 0 }, signal);
  }
  return (before) => {
    if (before !== undefined) return new Uint32Array(); // goes on from where the session is
    throw new InvalidOptionError("prompt", "is missing; give one of prompt, messages and tokens");
  };
}

/** What the user says wins over what the model's `generation_config.json` says. */
function mergeSampling(options: GenerateOptions, defaults: GenerationDefaults): SamplingOptions {
  const { temperature, topK, topP, minP, repetitionPenalty, presencePenalty, frequencyPenalty, seed } = options;
  return {
    temperature: temperature ?? defaults.temperature,
    topK: topK ?? defaults.topK,
    topP: topP ?? (defaults.topP || Number.EPSILON), // transformers reads 0 as the best token alone
    minP: minP ?? defaults.minP,
    repetitionPenalty: repetitionPenalty ?? defaults.repetitionPenalty,
    presencePenalty: presencePenalty ?? undefined,
    frequencyPenalty: frequencyPenalty ?? undefined,
    seed: seed ?? undefined,
  };
}

function isPresent<T>(value: T): value is NonNullable<T> {
  return (value ?? undefined) !== undefined;
}

function checkStop(stop: GenerateOptions["stop"]): readonly string[] {
  const list = typeof stop === "string" ? [stop] : (stop ?? []);
  if (
    !Array.isArray(list) ||
    list.length > mostStops ||
    !list.every((text) => typeof text === "string" && text !== "" && text.length <= 1000)
  ) {
    throw new InvalidOptionError("stop", `must be a text, or up to ${mostStops} of them, each of 1 to 1000 characters`);
  }
  return [...list];
}

function checkEndTokens(endTokens: GenerateOptions["endTokens"]): readonly number[] | undefined {
  return isPresent(endTokens) ? [...toTokens(endTokens, "endTokens")] : undefined;
}

function checkLogprobs(logprobs: GenerateOptions["logprobs"]): number | undefined {
  if (!isPresent(logprobs) || logprobs === false) return undefined;
  if (logprobs === true) return 0;
  if (!Number.isInteger(logprobs) || logprobs < 0 || logprobs > mostAlternatives) {
    throw new InvalidOptionError("logprobs", `must be true, or a number of alternatives from 0 to ${mostAlternatives}`);
  }
  return logprobs;
}

function checkPromptLookup(promptLookup: GenerateOptions["promptLookup"]): number {
  if (!isPresent(promptLookup) || promptLookup === false) return 0;
  if (promptLookup === true) return usualGuesses;
  if (!Number.isInteger(promptLookup) || promptLookup < 1 || promptLookup > mostGuesses) {
    throw new InvalidOptionError(
      "promptLookup",
      `must be true, false, or the most guesses a step, a whole number from 1 to ${mostGuesses}`,
    );
  }
  return promptLookup;
}
