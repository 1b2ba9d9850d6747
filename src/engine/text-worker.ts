import { platform } from "#platform";
import { readJson, readText } from "../checkpoint/files.ts";
import { SkeinError } from "../errors.ts";
import { type ChatOptions, encodeChat, renderChat } from "../text/chat-template.ts";
import { selectChatTemplate, specialTokenStrings } from "../text/select-chat-template.ts";
import { createTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { serve } from "./channel.ts";
import type { ChatCall, TextMethods } from "./methods.ts";
import type { SourceDescription } from "./source.ts";

/** What a checkpoint has for text. */
interface TextParts {
  readonly tokenizer: Tokenizer;
  readonly tokenizerConfig: unknown;
  readonly chatTemplate: string | undefined;
}

let parts: TextParts | undefined;

/** The worker that turns text into tokens: building a tokenizer takes a second, and a chat template may take forever. */
serve<TextMethods>(platform.ownerPort(), {
  load: async ({ source }, { transfer }) => {
    parts = await loadText(source);
    const table = parts?.tokenizer.tokenTable();
    if (table) transfer.push(table.bytes.buffer, table.offsets.buffer, table.control.buffer);
    return { table };
  },
  encode: ({ text, specialTokens }, { transfer }) => {
    const tokens = loaded().tokenizer.encode(text, { specialTokens });
    transfer.push(tokens.buffer);
    return tokens;
  },
  decode: ({ tokens, skipSpecialTokens }) => loaded().tokenizer.decode(tokens, { skipSpecialTokens }),
  ping: () => undefined,
  encodeChat: (call, { emit, transfer }) => {
    emit("rendering");
    const tokens = encodeChat(loaded().tokenizer, chatOptions(call), () => emit("rendered"));
    transfer.push(tokens.buffer);
    return tokens;
  },
  renderChat: (call, { emit }) => {
    emit("rendering");
    const text = renderChat(chatOptions(call));
    emit("rendered");
    return text;
  },
});

async function loadText(source: SourceDescription): Promise<TextParts | undefined> {
  const files = await platform.openSource(source);
  try {
    const tokenizerJson = await readJson(files, "tokenizer.json");
    if (tokenizerJson === undefined) return undefined;
    const tokenizerConfig = await readJson(files, "tokenizer_config.json");
    const chatTemplate = await readText(files, "chat_template.jinja");
    return { tokenizer: createTokenizer(tokenizerJson, tokenizerConfig), tokenizerConfig, chatTemplate };
  } finally {
    await files.close();
  }
}

function loaded(): TextParts {
  if (parts) return parts;
  throw new SkeinError("no_tokenizer", "this model has no tokenizer.json: give tokens instead of text");
}

function chatOptions({ messages, tools, templateArguments, addGenerationPrompt }: ChatCall): ChatOptions {
  const { tokenizer, tokenizerConfig, chatTemplate } = loaded();
  const template = selectChatTemplate(tokenizer, tokenizerConfig, chatTemplate, { tools: tools !== undefined });
  return {
    template,
    messages,
    tools,
    templateArguments,
    addGenerationPrompt,
    specialTokenStrings: specialTokenStrings(tokenizerConfig),
  };
}
