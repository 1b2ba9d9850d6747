import { InvalidOptionError, type Model, UnsupportedError } from "../../index.ts";
import type { Subject, SuiteName } from "../result.ts";
import { isTimed } from "../speed.ts";
import type { Answer, AnswerRequest, ScoreRequest, Scores, Target, TimeRequest, Times } from "../target.ts";
import { parseAddress } from "./address.ts";
import { type ClientOptions, EndpointClient } from "./client.ts";
import { type Completion, Completions } from "./completions.ts";
import { isLengthRefusal, isMissingPath, isTooLarge, isUnwilling } from "./endpoint-error.ts";
import { type FoundModel, findModel } from "./find-model.ts";
import { findPromptLogprobs, type PromptLogprobs, scorePrompt } from "./prompt-logprobs.ts";
import { findTokenizer, type ServerTokenizer } from "./server-tokenizer.ts";
import { timeStream } from "./streamed-times.ts";

/** What a user should know about a server, and about what its figures mean. */
export interface EndpointWarning {
  readonly code: "chat_only" | "estimated_lengths" | "length_refused" | "only_reasoning" | "untimed_answer";
  readonly message: string;
}

export interface EndpointOptions extends ClientOptions {
  /** The server's name for the model; may be left out where it has one. */
  readonly model?: string | undefined;
  /** In tokens: what lengths as `2x` are multiples of, and what behaviour is judged by. */
  readonly nativeWindow: number | undefined;
  /** Ask by `/chat/completions`, where the template and the words around an answer take tokens of the length. */
  readonly chat?: boolean | undefined;
  /** Requests at once; 2 unless given. */
  readonly concurrency?: number | undefined;
  /** The model's tokenizer, where it is at hand; else the server's `/tokenize`, else lengths are estimated. */
  readonly tokenizer?: Pick<Target, "countTokens" | "tokenize"> | undefined;
  /** Text as it will be asked: what estimates are taken from. */
  readonly sample: string;
  readonly signal: AbortSignal;
  readonly onWarning?: ((warning: EndpointWarning) => void) | undefined;
}

/** A server, and what only a server is asked. */
export interface EndpointTarget extends Target {
  /** Tokens that the server says it accepts, answers included. */
  readonly window: number | undefined;
  /** Whether it is asked by chats: what it computes then is of its template, too. */
  readonly isChat: boolean;
  /** @returns why a suite cannot be measured; undefined where it can */
  missing(suite: SuiteName, signal: AbortSignal): Promise<string | undefined>;
  /** Whether the server takes a prompt of this length: found out by sending it, whatever window it declares. */
  accepts(prompt: string, signal: AbortSignal): Promise<boolean>;
  /** An answer with the log probabilities of its tokens, where the server returns them. */
  complete(prompt: string, maxTokens: number, signal: AbortSignal): Promise<Pick<Completion, "text" | "logprobs">>;
}

/** A chat's answer has words around what was asked for. */
const wordsAround = 32;

/**
 * A server with an OpenAI-compatible API. What it is able to do (completions or chat only, a tokenizer, a declared window) is found out here.
 *
 * @param url - as `http://localhost:8000/v1`
 * @throws InvalidOptionError; EndpointError; UnsupportedError where nothing says how long a prompt is; the signal's reason
 */
export async function openEndpointTarget(url: string, options: EndpointOptions): Promise<EndpointTarget> {
  const { signal, onWarning } = options;
  const address = parseAddress(url);
  const client = new EndpointClient(address, options);
  const model = await findModel(client, options.model, signal);
  const nativeWindow = checkWindow(options.nativeWindow, model);
  const completions = await findCompletions(client, model, options);
  const tokenizer = await findTokenizer(completions, { ...options, nativeWindow });
  if (tokenizer.kind === "estimated") {
    const message = `${address.root} has no /tokenize: lengths are estimated from a sample of the text`;
    onWarning?.({ code: "estimated_lengths", message });
  }
  const overhead = completions.isChat ? await chatOverhead(completions, tokenizer, signal) : 0;
  const subject: Subject = {
    kind: "endpoint",
    name: model.name,
    url: address.api,
    nativeWindow,
    originalWindow: nativeWindow,
    lengths: tokenizer.kind,
  };
  return new OpenAiTarget({ subject, completions, tokenizer, overhead }, options);
}

interface Opened {
  readonly subject: Subject;
  readonly completions: Completions;
  readonly tokenizer: ServerTokenizer;
  /** Tokens that a chat has besides the question, and that its answer may have besides what was asked for. */
  readonly overhead: number;
}

class OpenAiTarget implements EndpointTarget {
  readonly subject: Subject;
  readonly concurrency: number;
  readonly #opened: Opened;
  readonly #signal: AbortSignal;
  readonly #onWarning: ((warning: EndpointWarning) => void) | undefined;
  readonly #refused = new Set<number>();
  readonly #untimed = new Set<number>();
  #hasWarnedOfReasoning = false;
  #promptLogprobs: Promise<PromptLogprobs> | undefined;

  constructor(opened: Opened, { concurrency = 2, signal, onWarning }: EndpointOptions) {
    if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > 256)
      throw new InvalidOptionError("concurrency", `must be a whole number from 1 to 256, not ${concurrency}`);
    this.#opened = opened;
    this.subject = opened.subject;
    this.concurrency = concurrency;
    this.#signal = signal;
    this.#onWarning = onWarning;
  }

  get window(): number | undefined {
    return this.#opened.completions.model.window;
  }

  get isChat(): boolean {
    return this.#opened.completions.isChat;
  }

  async countTokens(text: string): Promise<number> {
    const { tokenizer, overhead } = this.#opened;
    return (await tokenizer.count(text, this.#signal)) + overhead;
  }

  tokenize(text: string): Promise<Uint32Array> {
    return this.#opened.tokenizer.tokenize(text, this.#signal);
  }

  async answer({ prompts, maxTokens, length, signal, onTokens }: AnswerRequest): Promise<readonly Answer[]> {
    const answers: Answer[] = [];
    for (const prompt of prompts) {
      const asked = async (): Promise<Answer> => {
        const { text, isOnlyReasoning } = await this.#ask(prompt, maxTokens, signal, false);
        if (isOnlyReasoning) this.#warnOfReasoning();
        return { text };
      };
      answers.push((await this.#unlessRefused(length, asked)) ?? { text: "", refused: true });
      onTokens?.(length * answers.length);
    }
    return answers;
  }

  async score({ tokens, signal, onTokens }: ScoreRequest): Promise<Scores> {
    const way = await this.#findPromptLogprobs(signal);
    // Servers answer with one token at least: where the window has no room for it, the last is left unscored.
    const sent = tokens.length === this.window ? tokens.subarray(0, -1) : tokens;
    const asked = async (): Promise<Scores> => ({
      logprobs: await scorePrompt(this.#opened.completions, way, sent, signal),
    });
    const scores = await this.#unlessRefused(tokens.length, asked);
    onTokens?.(tokens.length);
    return scores ?? { logprobs: [], refused: true };
  }

  async time({ text, length, maxTokens, signal }: TimeRequest): Promise<Times> {
    const countTokens = (prompt: string): Promise<number> => this.#opened.tokenizer.count(prompt, signal);
    const asked = (): Promise<Times> => timeStream(this.#opened.completions, { text, maxTokens, countTokens, signal });
    const times = await this.#unlessRefused(length, asked);
    if (times && !isTimed(times)) this.#warnOfUntimed(length);
    return times ?? { prefillSeconds: 0, promptTokens: 0, decodeSeconds: 0, completionTokens: 0, refused: true };
  }

  async missing(suite: SuiteName, signal: AbortSignal): Promise<string | undefined> {
    if (suite === "consistency") return "a server has one way to compute: nothing to compare it with";
    if (suite !== "perplexity") return undefined;
    try {
      await this.#findPromptLogprobs(signal);
      return undefined;
    } catch (error) {
      if (error instanceof UnsupportedError) return error.message;
      throw error;
    }
  }

  async accepts(prompt: string, signal: AbortSignal): Promise<boolean> {
    try {
      await this.#ask(prompt, 1, signal, false);
      return true;
    } catch (error) {
      if (isLengthRefusal(error)) return false;
      throw error;
    }
  }

  complete(prompt: string, maxTokens: number, signal: AbortSignal): Promise<Completion> {
    return this.#ask(prompt, maxTokens, signal, true);
  }

  async prepare(): Promise<void> {}

  model(): Model {
    throw new UnsupportedError("a server's model is not at hand");
  }

  async [Symbol.asyncDispose](): Promise<void> {}

  #ask(prompt: string, maxTokens: number, signal: AbortSignal, logprobs: boolean): Promise<Completion> {
    const { completions } = this.#opened;
    const most = maxTokens + (completions.isChat ? wordsAround : 0);
    return completions.ask({ prompt, maxTokens: most, signal }, { logprobs });
  }

  /** @returns undefined where the server does not take so many tokens; what it says it will not take is not sent */
  async #unlessRefused<T>(length: number, ask: () => Promise<T>): Promise<T | undefined> {
    let known = this.window === undefined ? "" : `: its window is ${this.window} tokens`;
    try {
      if (length <= (this.window ?? length)) return await ask();
    } catch (error) {
      if (isTooLarge(error)) known = ": 413, too large a request for the server, or for a proxy before it";
      else if (!isLengthRefusal(error)) throw error;
    }
    if (!this.#refused.has(length)) {
      this.#refused.add(length);
      const message = `${this.subject.url} does not take ${length} tokens${known}`;
      this.#onWarning?.({ code: "length_refused", message });
    }
    return undefined;
  }

  #warnOfReasoning(): void {
    if (this.#hasWarnedOfReasoning) return;
    this.#hasWarnedOfReasoning = true;
    const message = `${this.subject.url} answered with what the model thought, and nothing else: such answers are empty, and wrong; turn thinking off at the server`;
    this.#onWarning?.({ code: "only_reasoning", message });
  }

  #warnOfUntimed(length: number): void {
    if (this.#untimed.has(length)) return;
    this.#untimed.add(length);
    const message = `${this.subject.url} ended an answer after ${length} tokens at its first token, or sent all of it at once: such answers have no rate, and are left out`;
    this.#onWarning?.({ code: "untimed_answer", message });
  }

  #findPromptLogprobs(signal: AbortSignal): Promise<PromptLogprobs> {
    this.#promptLogprobs ??= this.tokenize("The quick brown fox jumps over the lazy dog.")
      .then((tokens) => findPromptLogprobs(this.#opened.completions, tokens, signal))
      .catch((error: unknown) => {
        // What is not there stays so; what failed may not fail again.
        if (!(error instanceof UnsupportedError)) this.#promptLogprobs = undefined;
        throw error;
      });
    return this.#promptLogprobs;
  }
}

function checkWindow(nativeWindow: number | undefined, { window }: FoundModel): number {
  if (nativeWindow === undefined) {
    const told = window === undefined ? "" : `; it accepts ${window} tokens, which may be more than the model's own`;
    throw new InvalidOptionError("nativeWindow", `must be given: no server tells the window of its model${told}`);
  }
  if (!Number.isSafeInteger(nativeWindow) || nativeWindow < 1)
    throw new InvalidOptionError("nativeWindow", `must be a whole number from 1, not ${nativeWindow}`);
  return nativeWindow;
}

/** Asks the first question: whether there are completions, or chats alone. */
async function findCompletions(
  client: EndpointClient,
  model: FoundModel,
  { chat = false, signal, onWarning }: EndpointOptions,
): Promise<Completions> {
  if (chat) return await findChats(client, model, signal);
  const found = new Completions(client, model, false);
  try {
    await found.ask({ prompt: "Hello", maxTokens: 1, signal });
    return found;
  } catch (error) {
    if (!isMissingPath(error)) throw error;
  }
  const other = await findChats(client, model, signal);
  const message = `${found.url} does not exist: questions are asked by chat completions, in the model's template`;
  onWarning?.({ code: "chat_only", message });
  return other;
}

/** Without thinking, as far as it can be told: an answer has no tokens for it. */
async function findChats(client: EndpointClient, model: FoundModel, signal: AbortSignal): Promise<Completions> {
  const greeting = { prompt: "Hello", maxTokens: 1, signal };
  if (model.engine !== undefined) {
    const found = new Completions(client, model, true, { enable_thinking: false });
    try {
      await found.ask(greeting);
      return found;
    } catch (error) {
      // vLLM does not take it where the tokenizer is Mistral's own, which has no template.
      if (!isUnwilling(error)) throw error;
    }
  }
  const found = new Completions(client, model, true);
  await found.ask(greeting);
  return found;
}

/** What a template puts around a question is what a request has more than its text. */
async function chatOverhead(
  completions: Completions,
  tokenizer: ServerTokenizer,
  signal: AbortSignal,
): Promise<number> {
  // Estimates count a template already: they come from requests.
  if (tokenizer.kind === "estimated") return wordsAround;
  const { promptTokens } = await completions.ask({ prompt: "Hello", maxTokens: 1, signal });
  if (promptTokens === undefined)
    throw new UnsupportedError(`${completions.url} says nothing of tokens (usage): a chat's length cannot be known`);
  return Math.max(0, promptTokens - (await tokenizer.count("Hello", signal))) + wordsAround;
}
