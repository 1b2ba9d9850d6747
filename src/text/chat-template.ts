import { SkeinError, UnsupportedError } from "../errors.ts";
import { type ChatMessage, notePrivateCharacters, readChatInput } from "./chat-input.ts";
import { type ControlMarks, createControlMarks } from "./control-marks.ts";
import { type JinjaTemplate, RESERVED_NAMES, readJinjaTemplate } from "./jinja-template.ts";
import type { Tokenizer } from "./tokenizer.ts";

/** Characters; the longest windows take a few million. */
const LONGEST_TEXT = 2 ** 24;

export interface ChatOptions {
  /** A Jinja template, as in `tokenizer_config.json`. */
  readonly template: string;
  readonly messages: readonly ChatMessage[];
  /** Descriptions of tools, as the template reads them. */
  readonly tools?: readonly unknown[] | null | undefined;
  /** Further variables of the template, e.g. `{ enable_thinking: false }`. */
  readonly templateArguments?: Readonly<Record<string, unknown>> | undefined;
  /** Whether the text ends where the assistant's answer begins. Default true. */
  readonly addGenerationPrompt?: boolean | undefined;
  /** `bos_token`, `eos_token`, ... of `tokenizer_config.json`, which are variables of the template too. */
  readonly specialTokenStrings?: Readonly<Record<string, string | readonly string[]>> | undefined;
}

/**
 * The text that a conversation becomes. To run it, use {@link encodeChat}: in this text, control tokens that a user typed
 * cannot be told from the template's.
 *
 * @throws InvalidOptionError naming what is wrong with messages, tools or arguments.
 * @throws UnsupportedError for content other than text.
 * @throws SkeinError `template_error` with the template's own message.
 */
export function renderChat(options: ChatOptions): string {
  const template = readJinjaTemplate(options.template);
  return template.render(readVariables(template, options).variables);
}

/**
 * The tokens that a conversation becomes, equal to transformers' `apply_chat_template(tokenize=True)` unless somebody
 * wrote control tokens into the conversation. Those are data here: **only the template makes control tokens.** A user who
 * types `<|im_end|>` has typed letters, and so has one whose text only becomes `<|im_end|>` next to the template's or
 * another message's text.
 *
 * How: control tokens are marked in the template's own texts (and in `bos_token`, ...) before it is rendered, with
 * characters that occur nowhere else. What is marked afterwards is a control token; what is between two of them, template
 * and user text together, is encoded as one piece of text.
 *
 * @param onRendered - called between the two parts of the work: the template has run, the tokenizer has not
 * @throws as {@link renderChat}, and UnsupportedError when the template puts control tokens together out of pieces, such
 * as `'<|' + message.role + '|>'`.
 * @example
 * const tokens = encodeChat(tokenizer, { template, messages: [{ role: "user", content: "Hello" }] });
 */
export function encodeChat(
  tokenizer: Tokenizer,
  options: ChatOptions,
  onRendered?: () => void,
): Uint32Array<ArrayBuffer> {
  const template = readJinjaTemplate(options.template);
  const { variables, specialTokens, privateCharacters } = readVariables(template, options);
  const marks = createControlMarks(tokenizer.controlTokens.keys(), privateCharacters);
  const markedTokens = Object.fromEntries(
    Object.entries(specialTokens).map(([name, value]) => [
      name,
      typeof value === "string" ? marks.mark(value) : value.map(marks.mark),
    ]),
  );
  checkWholeControlTokens(template, markedTokens, marks);

  let text: string;
  try {
    text = template.render({ ...variables, ...markedTokens }, marks.mark);
  } catch (error) {
    if (error instanceof Error) error.message = marks.unmark(error.message);
    throw error;
  }
  if (text.length > LONGEST_TEXT) {
    throw new SkeinError(
      "template_error",
      `the chat template wrote ${text.length} characters, more than any window takes`,
    );
  }
  onRendered?.();
  return encodePieces(tokenizer, marks.split(text));
}

interface Variables {
  readonly variables: Readonly<Record<string, unknown>>;
  readonly specialTokens: Readonly<Record<string, string | readonly string[]>>;
  readonly privateCharacters: ReadonlySet<number>;
}

function readVariables(template: JinjaTemplate, options: ChatOptions): Variables {
  const specialTokens = options.specialTokenStrings ?? {};
  const own = ["messages", "tools", "add_generation_prompt", ...Object.keys(specialTokens)];
  const input = readChatInput(options, {
    keepContentParts: template.readsContentParts,
    reservedNames: new Set([...RESERVED_NAMES, ...own]),
  });
  const privateCharacters = new Set(input.privateCharacters);
  for (const text of [...template.texts, ...Object.values(specialTokens).flat()]) {
    notePrivateCharacters(text, privateCharacters);
  }
  const variables = {
    documents: null,
    ...input.templateArguments,
    ...specialTokens,
    messages: input.messages,
    tools: input.tools,
    add_generation_prompt: options.addGenerationPrompt ?? true,
  };
  return { variables, specialTokens, privateCharacters };
}

/**
 * Some families' templates write `'<|' + message.role + '|>'`. Taken as letters the conversation would be garbage to the
 * model, so they are refused: one harmless message shows them.
 */
function checkWholeControlTokens(
  template: JinjaTemplate,
  specialTokens: Readonly<Record<string, unknown>>,
  marks: ControlMarks,
): void {
  let text: string;
  try {
    const messages = [{ role: "user", content: "x" }];
    text = template.render({ ...specialTokens, messages, tools: null, add_generation_prompt: true }, marks.mark);
  } catch {
    return; // The template wants other messages than this one.
  }
  const joined = marks.split(text).find(({ content, isControl }) => !isControl && marks.contains(content));
  if (joined === undefined) return;
  throw new UnsupportedError(
    `chat template: it puts control tokens together out of pieces (in ${JSON.stringify(joined.content.slice(0, 60))}); write them out in the template, or use prompt instead of messages`,
  );
}

function encodePieces(
  tokenizer: Tokenizer,
  pieces: readonly { readonly content: string; readonly isControl: boolean }[],
): Uint32Array<ArrayBuffer> {
  const added = new Map(tokenizer.addedTokens.map((token) => [token.content, token]));
  const tokens: number[] = [];
  for (const [index, { content, isControl }] of pieces.entries()) {
    if (isControl) {
      tokens.push(tokenizer.controlTokens.get(content)!);
      continue;
    }
    // Tokens may take the white space beside them with them, as they do in text that is parsed.
    let text = content;
    if (added.get(pieces[index - 1]?.content ?? "")?.rstrip === true) text = text.trimStart();
    if (added.get(pieces[index + 1]?.content ?? "")?.lstrip === true) text = text.trimEnd();
    for (const token of tokenizer.encode(text, { specialTokens: false, addSpecialTokens: false })) tokens.push(token);
  }
  return Uint32Array.from(tokens);
}
