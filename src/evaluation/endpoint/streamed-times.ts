import type { Times } from "../target.ts";
import type { Answered } from "./answered.ts";
import { bytesOfToken, type Completions, hasReasoning } from "./completions.ts";
import { EndpointError } from "./endpoint-error.ts";

/** Characters at a text's beginning that are replaced: as many tokens as the mark takes, or more. */
const replacedCharacters = 60;

/**
 * Times an answer as it comes, with its first and last token.
 *
 * @param text - begins otherwise in every request, so that nothing of it is in the server's prefix cache
 * @throws EndpointError, as for a prompt that is too long; the signal's reason
 */
export async function timeStream(
  completions: Completions,
  {
    text,
    maxTokens,
    countTokens,
    signal,
  }: {
    readonly text: string;
    readonly maxTokens: number;
    readonly countTokens: (text: string) => Promise<number>;
    readonly signal: AbortSignal;
  },
): Promise<Times> {
  const { client, isChat, url } = completions;
  const prompt = beginOtherwise(text);
  const body = completions.body(prompt, maxTokens, { stream: true, stream_options: { include_usage: true } });
  let first: number | undefined;
  let last = 0;
  let pieces = 0;
  let usage: Answered | undefined;
  const mostBytes = 2 ** 20 + maxTokens * 4 * bytesOfToken;
  for (const { data, seconds } of await client.stream(url, body, { signal, mostBytes })) {
    if (!data.field("error").isMissing) throw new EndpointError(url, "ended its answer with an error");
    if (!data.field("usage").isMissing) usage = data.field("usage");
    if (data.field("choices").isMissing) continue;
    const [choice] = data.field("choices").list(1);
    if (!choice || !(isChat ? hasContent(choice.field("delta")) : isToken(choice))) continue;
    first ??= seconds;
    last = seconds;
    pieces++;
  }
  if (first === undefined) return { prefillSeconds: 0, promptTokens: 0, decodeSeconds: 0, completionTokens: 0 };
  const prompted = usage?.field("prompt_tokens");
  const cached = usage?.field("prompt_tokens_details").field("cached_tokens");
  const completed = usage?.field("completion_tokens");
  const promptTokens = prompted && !prompted.isMissing ? prompted.count() : await countTokens(prompt);
  return {
    prefillSeconds: first,
    promptTokens: promptTokens - (cached && !cached.isMissing ? Math.min(promptTokens, cached.count()) : 0),
    decodeSeconds: last - first,
    completionTokens: completed && !completed.isMissing ? completed.count() : pieces,
  };
}

/** A last piece may say only why the answer ended; a token may be no whole character yet. */
function isToken(choice: Answered): boolean {
  return choice.field("finish_reason").isMissing || choice.field("text").text() !== "";
}

/** A chat begins with a piece that says who speaks. */
function hasContent(delta: Answered): boolean {
  const content = delta.field("content");
  return (!content.isMissing && content.text() !== "") || hasReasoning(delta);
}

function beginOtherwise(text: string): string {
  const mark = Array.from(crypto.getRandomValues(new Uint8Array(8)), (byte) => (byte % 10).toString()).join("");
  return `${mark} ${text.length > 4 * replacedCharacters ? text.slice(replacedCharacters) : text}`;
}
