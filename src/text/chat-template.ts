import { SkeinError, UnsupportedError } from "../errors.ts";
import { type ChatMessages, notePrivateCharacters, readChatInput } from "./chat-input.ts";
import type { ChatPiece } from "./chat-pieces.ts";
import { type ControlMarks, createControlMarks } from "./control-marks.ts";
import { type JinjaTemplate, RESERVED_NAMES, readJinjaTemplate } from "./jinja-template.ts";

/** Characters; the longest windows take a few million. */
const LONGEST_TEXT = 2 ** 24;

export interface ChatOptions {
  /** A Jinja template, as in `tokenizer_config.json`. */
  readonly template: string;
  readonly messages: ChatMessages;
  /** Descriptions of tools, as the template reads them. */
  readonly tools?: readonly unknown[] | null | undefined;
  /** Further variables of the template, e.g. `{ enable_thinking: false }`. */
  readonly templateArguments?: object | undefined;
  /** Whether the text ends where the assistant's answer begins. Default true. */
  readonly addGenerationPrompt?: boolean | undefined;
  /** `bos_token`, `eos_token`, ... of `tokenizer_config.json`, which are variables of the template too. */
  readonly specialTokenStrings?: Readonly<Record<string, string | readonly string[]>> | undefined;
}

/**
 * The text that a conversation becomes. To run it, use {@link renderChatPieces}: in this text, control tokens that a user typed
 * cannot be told from the template's.
 *
 * @throws InvalidOptionError naming what is wrong with messages, tools or arguments.
 * @throws UnsupportedError for content other than text.
 * @throws SkeinError `template_error` with the template's own message.
 */
export function renderChat(options: ChatOptions): string {
  const template = readJinjaTemplate(options.template);
  return checkLength(template.render(readVariables(template, options).variables));
}

/**
 * The text that a conversation becomes, cut at the control tokens; `encodeChatPieces` makes tokens of it. They are equal to
 * those of transformers' `apply_chat_template(tokenize=True)` unless somebody wrote control tokens into the conversation.
 * Those are data here: **only the template makes control tokens.** A user who types `<|im_end|>` has typed letters, and so
 * has one whose text only becomes `<|im_end|>` next to the template's or another message's text.
 *
 * How: control tokens are marked in the template's own texts (and in `bos_token`, ...) before it is rendered, with
 * characters that occur nowhere else. What is marked afterwards is a control token; what is between two of them, template
 * and user text together, is encoded as one piece of text.
 *
 * @param controlTokens - their contents
 * @throws as {@link renderChat}, and UnsupportedError when the template puts control tokens together out of pieces, such
 * as `'<|' + message.role + '|>'`.
 */
export function renderChatPieces(options: ChatOptions, controlTokens: readonly string[]): readonly ChatPiece[] {
  const template = readJinjaTemplate(options.template);
  const { variables, specialTokens, privateCharacters } = readVariables(template, options);
  const marks = createControlMarks(controlTokens, privateCharacters);
  const markedTokens = Object.fromEntries(
    Object.entries(specialTokens).map(([name, value]) => [
      name,
      typeof value === "string" ? marks.mark(value) : value.map(marks.mark),
    ]),
  );
  checkWholeControlTokens(template, markedTokens, marks);
  try {
    return marks.split(checkLength(template.render({ ...variables, ...markedTokens }, marks.mark)));
  } catch (error) {
    if (error instanceof Error) error.message = marks.unmark(error.message);
    throw error;
  }
}

function checkLength(text: string): string {
  if (text.length <= LONGEST_TEXT) return text;
  throw new SkeinError(
    "template_error",
    `chat template: it wrote ${text.length} characters, more than any window takes`,
  );
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
