import { InvalidOptionError, UnsupportedError } from "../errors.ts";

/** A part of a message's content; text is the only kind there is. */
export interface TextPart {
  readonly type: "text";
  readonly text: string;
}

/** What Skein itself looks at in a message. */
export interface ChatMessageFields {
  /** `system`, `user`, `assistant`, `tool`, or what else the template knows. */
  readonly role: string;
  /** The text. Null or absent only in an assistant's message (one that calls tools). */
  readonly content?: string | null | readonly TextPart[] | undefined;
  /** Calls of tools, in the form that the template reads; Qwen's want `arguments` as an object. */
  readonly tool_calls?: readonly unknown[] | null | undefined;
}

/** One message of a conversation, as OpenAI's API and Hugging Face's templates have it. */
export interface ChatMessage extends ChatMessageFields {
  /** Whatever else the template reads: `reasoning_content`, `name`, ... */
  readonly [key: string]: unknown;
}

/** A conversation. Messages may be of users' own interfaces, which are no {@link ChatMessage}: such a type has names of its own only. */
export type ChatMessages = readonly (ChatMessage | ChatMessageFields)[];

/** What a template is rendered with: copies that share nothing with the caller's values. */
export interface ChatInput {
  readonly messages: unknown[];
  readonly tools: unknown[] | null;
  readonly templateArguments: Record<string, unknown>;
  /** Private-use code points that occur in any of the strings. */
  readonly privateCharacters: ReadonlySet<number>;
}

/**
 * Checks and copies messages, tools and arguments. Only plain data passes, lone surrogates become U+FFFD, and properties
 * that are undefined are left out.
 *
 * @param options.keepContentParts - false joins the parts of a content with line feeds, for templates that want a string
 * @param options.reservedNames - names that may not be arguments
 * @throws InvalidOptionError naming the value at fault, as a path.
 * @throws UnsupportedError for content other than text.
 */
export function readChatInput(
  input: { readonly messages: unknown; readonly tools?: unknown; readonly templateArguments?: unknown },
  options: { readonly keepContentParts: boolean; readonly reservedNames: ReadonlySet<string> },
): ChatInput {
  const copier = new PlainDataCopier();
  const messages = readMessages(input.messages, options.keepContentParts);
  const tools = input.tools ?? null;
  if (tools !== null && !(Array.isArray(tools) && tools.every(isObject))) {
    throw new InvalidOptionError("tools", "must be a list of objects that describe tools");
  }
  const templateArguments = input.templateArguments ?? {};
  if (!isObject(templateArguments)) {
    throw new InvalidOptionError("templateArguments", "must be an object of names and values");
  }
  for (const name of Object.keys(templateArguments)) {
    if (options.reservedNames.has(name)) {
      throw new InvalidOptionError(`templateArguments.${name}`, "is set by Skein and cannot be an argument");
    }
  }
  return {
    messages: copier.copy(messages, "messages") as unknown[],
    tools: copier.copy(tools, "tools") as unknown[] | null,
    templateArguments: copier.copy(templateArguments, "templateArguments") as Record<string, unknown>,
    privateCharacters: copier.privateCharacters,
  };
}

function readMessages(messages: unknown, keepContentParts: boolean): unknown[] {
  if (!Array.isArray(messages) || messages.length === 0) {
    throw new InvalidOptionError("messages", "must be a list of at least one message ({ role, content })");
  }
  return messages.map((message: unknown, index) => {
    const path = `messages[${index}]`;
    if (!isObject(message)) throw new InvalidOptionError(path, "must be an object ({ role, content })");
    const { role, content, tool_calls: toolCalls } = message;
    if (typeof role !== "string" || role === "") {
      throw new InvalidOptionError(`${path}.role`, 'must be a text such as "user"');
    }
    if (toolCalls !== undefined && toolCalls !== null && !(Array.isArray(toolCalls) && toolCalls.every(isObject))) {
      throw new InvalidOptionError(`${path}.tool_calls`, "must be a list of objects");
    }
    if (Array.isArray(content)) {
      const texts = content.map((part, partIndex) => readPart(part, `${path}.content[${partIndex}]`));
      return keepContentParts ? message : { ...message, content: texts.join("\n") };
    }
    const mayBeAbsent = role === "assistant" && (content === null || content === undefined);
    if (typeof content !== "string" && !mayBeAbsent) {
      throw new InvalidOptionError(`${path}.content`, "must be a text, or a list of text parts");
    }
    return message;
  });
}

function readPart(part: unknown, path: string): string {
  if (!isObject(part) || typeof part.type !== "string") {
    throw new InvalidOptionError(path, 'must be an object such as { type: "text", text: "..." }');
  }
  if (part.type !== "text") {
    throw new UnsupportedError(`${path}: content of type ${JSON.stringify(part.type)} is not supported, only text is`);
  }
  if (typeof part.text !== "string") throw new InvalidOptionError(`${path}.text`, "must be a text");
  return part.text;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

const DEEPEST = 100;
const MOST_VALUES = 1_000_000;

/** Copies what JSON could hold, and notes the private-use characters on the way. */
class PlainDataCopier {
  readonly privateCharacters: Set<number> = new Set();
  private values = 0;

  copy(value: unknown, path: string, depth = 0): unknown {
    this.values++;
    if (depth > DEEPEST || this.values > MOST_VALUES) {
      throw new InvalidOptionError(path.slice(0, 200), "is nested too deeply, or refers to itself, or is too large");
    }
    if (value === null || typeof value === "boolean") return value;
    if (typeof value === "string") return this.copyText(value);
    if (typeof value === "number" && Number.isFinite(value)) return value;
    if (Array.isArray(value))
      return Array.from(value, (item, index) => this.copy(item, `${path}[${index}]`, depth + 1));
    if (isPlainObject(value)) {
      // Without a prototype, so that a key such as `__proto__` is a key like any other.
      const copy: Record<string, unknown> = Object.create(null);
      for (const [key, item] of Object.entries(value)) {
        if (item !== undefined) copy[this.copyText(key)] = this.copy(item, `${path}.${key}`, depth + 1);
      }
      return copy;
    }
    const kind =
      typeof value === "object" ? "an object of a class" : `${typeof value === "number" ? value : typeof value}`;
    throw new InvalidOptionError(path, `must be plain data, as in JSON, got ${kind}`);
  }

  private copyText(text: string): string {
    notePrivateCharacters(text, this.privateCharacters);
    return text.toWellFormed();
  }
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== "object" || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // Objects of another realm have an Object.prototype of their own.
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** Adds the private-use code points of the text to the set. */
export function notePrivateCharacters(text: string, characters: Set<number>): void {
  for (const [character] of text.matchAll(/\p{Co}/gu)) characters.add(character.codePointAt(0)!);
}
