import type { Answered } from "./answered.ts";
import type { EndpointClient } from "./client.ts";
import { EndpointError } from "./endpoint-error.ts";
import type { FoundModel } from "./find-model.ts";

/** What is asked. */
export interface Question {
  /** Text, or tokens where the server takes them. */
  readonly prompt: string | Uint32Array;
  readonly maxTokens: number;
  readonly signal: AbortSignal;
}

/** What was answered. */
export interface Completion {
  readonly text: string;
  /** A chat came to its end, or to that of its tokens, before the model had begun to answer. */
  readonly isOnlyReasoning: boolean;
  /** Undefined where the server does not say. */
  readonly promptTokens: number | undefined;
  /** Natural, of the answer's tokens; undefined unless asked for, and where the server has none. */
  readonly logprobs: readonly number[] | undefined;
}

/** Bytes of an answer besides its tokens, and of each token with its log probability. */
const bytesOfAnswer = 2 ** 20;
export const bytesOfToken = 1024;

/** Characters. */
const longestToken = 256;

/**
 * Turns off what makes another token the best one. Unless told, servers take it from their command line or from the model's files: vLLM and SGLang from
 * `generation_config.json`, llama.cpp from `general.sampling` of the GGUF file.
 */
const withoutPenalties = {
  vllm: { repetition_penalty: 1 },
  "llama.cpp": { repeat_penalty: 1, presence_penalty: 0, frequency_penalty: 0, dry_multiplier: 0, xtc_probability: 0 },
} as const;

/** Requests of one model, by `/completions` or by `/chat/completions`. */
export class Completions {
  readonly client: EndpointClient;
  readonly model: FoundModel;
  readonly isChat: boolean;
  readonly #templateArguments: object | undefined;

  /** @param templateArguments - of a chat, where the server takes them */
  constructor(client: EndpointClient, model: FoundModel, isChat: boolean, templateArguments?: object) {
    this.client = client;
    this.model = model;
    this.isChat = isChat;
    this.#templateArguments = templateArguments;
  }

  get url(): string {
    return `${this.client.address.api}/${this.isChat ? "chat/completions" : "completions"}`;
  }

  /** @throws EndpointError, as for a prompt that is too long; the signal's reason */
  async ask(
    { prompt, maxTokens, signal }: Question,
    { logprobs = false }: { readonly logprobs?: boolean } = {},
  ): Promise<Completion> {
    const more = logprobs ? (this.isChat ? { logprobs: true } : { logprobs: 1 }) : {};
    const answer = await this.post(this.body(prompt, maxTokens, more), maxTokens, signal);
    const choice = answer.field("choices").only();
    const tokens = answer.field("usage").field("prompt_tokens");
    const given = logprobs ? choice.field("logprobs") : undefined;
    const message = this.isChat ? choice.field("message") : undefined;
    const text = textOf(message ? message.field("content") : choice.field("text"));
    if (text.length > maxTokens * longestToken)
      throw new EndpointError(this.url, `answered ${text.length} characters where ${maxTokens} tokens were asked for`);
    return {
      text,
      isOnlyReasoning: message !== undefined && text.trim() === "" && hasReasoning(message),
      promptTokens: tokens.isMissing ? undefined : tokens.count(),
      logprobs: given === undefined || given.isMissing ? undefined : readLogprobs(given, maxTokens),
    };
  }

  /** @param tokens - of prompt and answer that come back with numbers of their own */
  post(body: object, tokens: number, signal: AbortSignal): Promise<Answered> {
    return this.client.post(this.url, body, { signal, mostBytes: bytesOfAnswer + tokens * bytesOfToken });
  }

  /** Greedy, and without penalties that a server may have of its own. */
  body(prompt: string | Uint32Array, maxTokens: number, more: object = {}): object {
    const content = typeof prompt === "string" ? prompt : Array.from(prompt);
    return {
      model: this.model.name,
      ...(this.isChat ? { messages: [{ role: "user", content }] } : { prompt: content }),
      max_tokens: maxTokens,
      temperature: 0,
      seed: 1,
      ...(this.model.engine && withoutPenalties[this.model.engine]),
      ...(this.#templateArguments && { chat_template_kwargs: this.#templateArguments }),
      ...more,
    };
  }
}

/** Whether a message, or a piece of one, has what a model thinks before it answers: vLLM has renamed the field. */
export function hasReasoning(message: Answered): boolean {
  return ["reasoning_content", "reasoning"].some((name) => {
    const field = message.field(name);
    return !field.isMissing && !field.is("");
  });
}

/** A chat's content is null where nothing was said. */
function textOf(field: Answered): string {
  return field.isMissing ? "" : field.text();
}

/** `token_logprobs` of completions, or `content` of chats; llama.cpp has the latter in both. */
function readLogprobs(field: Answered, most: number): readonly number[] {
  const listed = field.field("token_logprobs");
  if (!listed.isMissing) return listed.list(most).map((entry) => entry.logprob());
  const content = field.field("content");
  return content.isMissing ? [] : content.list(most).map((entry) => entry.field("logprob").logprob());
}
