/** A program that uses the package's types, and must compile; where it says that an error is expected, there must be one. */
export const consumer = `import {
  type ChatMessage,
  type ChatMessages,
  type ChatTemplateOptions,
  type ContextMethod,
  type Diagnosis,
  type GenerationResult,
  HubError,
  type HubErrorCode,
  InvalidOptionError,
  loadModel,
  type Model,
  type Qwen2Config,
  SkeinError,
  type SkeinErrorCode,
  type TextPart,
  type WarningCode,
  type YarnPairs,
} from "skein";
import { resolveRotaryEncoding, type RotaryEncoding } from "skein/position";

export async function ask(prompt: string): Promise<GenerationResult> {
  await using model = await loadModel("folder", { context: { extend: "yarn", factor: 4 } });
  return await model.generate({ prompt }).result();
}

export const encoding: RotaryEncoding = resolveRotaryEncoding({ head_dim: 64, rope_theta: 1e6, max_position_embeddings: 32768 });

// Interfaces of one's own, which have no index signature.
interface Message {
  role: string;
  content: string;
}
interface Thinking {
  enable_thinking: boolean;
}

export async function chat(model: Model, given: readonly Message[], thinking: Thinking, tokenize: boolean): Promise<unknown> {
  const messages: ChatMessage[] = [{ role: "assistant", content: null, reasoning_content: "hm" }];
  const all: ChatMessages = [...given, ...messages];
  const others: readonly unknown[] = messages.map((message) => [message.role, message.reasoning_content]);
  // @ts-expect-error: no text
  messages.push({ role: "user", content: 5, name: "me" });
  // @ts-expect-error: no role
  messages.push({ content: "hi" });
  await model.generate({ messages: all, templateArguments: thinking }).result();
  const options: ChatTemplateOptions = { tokenize };
  // @ts-expect-error: it may be tokens
  const wrong: string = await model.applyChatTemplate(messages, options);
  const text: string = await model.applyChatTemplate(messages, { tools: [] });
  const tokens: Uint32Array = await model.applyChatTemplate(given, { tokenize: true });
  const either: string | Uint32Array = await model.applyChatTemplate(messages, { tokenize });
  return [wrong, text, tokens, either, others];
}

/** Options that may be undefined where properties that are absent are told from those that are undefined, too. */
export async function keep(model: Model, path: string, signal?: AbortSignal, flag?: boolean): Promise<void> {
  await using session = await model.restoreSession(path, { signal });
  await session.save(path, { signal });
  const tokens = await model.tokenize("hi", { specialTokens: flag, continues: flag, signal });
  await model.detokenize(tokens, { skipSpecialTokens: flag });
}

export function codeOf(error: unknown): SkeinErrorCode | undefined {
  if (error instanceof HubError) return error.code satisfies HubErrorCode;
  if (error instanceof InvalidOptionError) return error.code satisfies "invalid_option";
  if (!(error instanceof SkeinError)) return undefined;
  // @ts-expect-error: no such code
  return error.code === "no_such_code" ? undefined : error.code;
}

export const names: readonly [WarningCode, ContextMethod] = ["threads", "yarn"];
export type Parts = readonly [Diagnosis, Qwen2Config, TextPart, YarnPairs];
`;
