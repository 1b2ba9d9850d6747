import { UnsupportedError } from "../../index.ts";
import type { Target } from "../target.ts";
import type { Answered } from "./answered.ts";
import type { Completions } from "./completions.ts";
import { EndpointError, isUnwilling } from "./endpoint-error.ts";

/** How lengths are known. */
export interface ServerTokenizer {
  /** `server`: by its `/tokenize`. `local`: by a tokenizer at hand. `estimated`: from what a sample of text came to. */
  readonly kind: "server" | "local" | "estimated";
  /** As the server reads a prompt, whatever it puts before it included. */
  count(text: string, signal: AbortSignal): Promise<number>;
  /** Without that. @throws UnsupportedError where lengths are estimated */
  tokenize(text: string, signal: AbortSignal): Promise<Uint32Array>;
}

/** Of the sample; never more than the window has tokens, so that it fits. */
const mostCharacters = 20_000;
/** Estimated lengths are to be rather too short than refused: keys and numbers take more tokens than running text. */
const margin = 1.02;
const bytesOfListedToken = 16;

/**
 * @param options.tokenizer - one at hand, which comes before the server's
 * @param options.sample - text as it will be asked, for estimates
 */
export async function findTokenizer(
  completions: Completions,
  options: {
    readonly tokenizer?: Pick<Target, "countTokens" | "tokenize"> | undefined;
    readonly sample: string;
    readonly nativeWindow: number;
    readonly signal: AbortSignal;
  },
): Promise<ServerTokenizer> {
  const { tokenizer, sample, nativeWindow, signal } = options;
  if (tokenizer) {
    return {
      kind: "local",
      count: (text) => tokenizer.countTokens(text),
      tokenize: (text) => tokenizer.tokenize(text),
    };
  }
  for (const body of [bodyOfVllm, bodyOfLlamaCpp]) {
    const tokenize = async (text: string, isWhole: boolean, its: AbortSignal): Promise<Uint32Array> =>
      requestTokens(completions, body(completions.model.name, text, isWhole), text, its);
    try {
      // A server of the other kind answers that nothing has no tokens.
      if ((await tokenize(sample.slice(0, 100), true, signal)).length === 0) continue;
    } catch (error) {
      if (isUnwilling(error)) continue;
      throw error;
    }
    return {
      kind: "server",
      count: async (text, its) => (await tokenize(text, true, its)).length,
      tokenize: (text, its) => tokenize(text, false, its),
    };
  }
  return estimate(completions, sample.slice(0, Math.min(mostCharacters, nativeWindow)), signal);
}

/** @param isWhole - with what the tokenizer puts before a prompt */
function bodyOfVllm(model: string, prompt: string, isWhole: boolean): object {
  return { model, prompt, add_special_tokens: isWhole };
}

function bodyOfLlamaCpp(_model: string, content: string, isWhole: boolean): object {
  return { content, add_special: isWhole };
}

async function requestTokens(
  { client }: Completions,
  body: object,
  text: string,
  signal: AbortSignal,
): Promise<Uint32Array> {
  // No token is of less than a byte.
  const most = new TextEncoder().encode(text).length + 16;
  const url = `${client.address.root}/tokenize`;
  const answer = await client.post(url, body, { signal, mostBytes: 2 ** 16 + most * bytesOfListedToken });
  return Uint32Array.from(answer.field("tokens").list(most), (entry) => readToken(entry));
}

function readToken(entry: Answered): number {
  return entry.isNumber ? entry.count() : entry.field("id").count(); // llama.cpp's `with_pieces`
}

/** Requests with more and less of the text: what a character comes to, and what a prompt has besides. */
async function estimate(completions: Completions, sample: string, signal: AbortSignal): Promise<ServerTokenizer> {
  const measure = async (prompt: string): Promise<number> => {
    const { promptTokens } = await completions.ask({ prompt, maxTokens: 1, signal });
    if (promptTokens !== undefined) return promptTokens;
    throw new UnsupportedError(
      `${completions.url} says nothing of tokens (no /tokenize, and no usage in its answers): lengths cannot be known`,
    );
  };
  const [short, long] = [sample.slice(0, sample.length / 5), sample.slice(0, (sample.length * 4) / 5)];
  const whole = await measure(sample);
  const all = await measure(long);
  const some = await measure(short);
  // What follows adds tokens to a text that was counted whole.
  if (!(some < all && all < whole)) {
    const lengths = [short, long, sample].map(({ length }) => length);
    throw new EndpointError(
      completions.url,
      `counted ${some}, ${all} and ${whole} tokens in the first ${lengths.join(", ")} characters of a text: ` +
        "it seems to cut prompts to its window; give it one (Ollama: num_ctx) as long as the longest length",
    );
  }
  const rate = (all - some) / (long.length - short.length);
  const besides = Math.max(0, some - rate * short.length);
  return {
    kind: "estimated",
    count: async (text) => Math.ceil(besides + rate * text.length * margin),
    tokenize: async () => {
      throw new UnsupportedError(`${completions.client.address.root} has no /tokenize: tokens cannot be had`);
    },
  };
}
