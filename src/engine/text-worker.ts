import { platform } from "#platform";
import { readJson, readText } from "../checkpoint/files.ts";
import { SkeinError } from "../errors.ts";
import { encodeChatPieces } from "../text/chat-pieces.ts";
import { selectChatTemplate, specialTokenStrings } from "../text/select-chat-template.ts";
import { createTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { readTokenizerConfig } from "../text/tokenizer-files.ts";
import { serve } from "./channel.ts";
import type { SelectedTemplate, TextMethods } from "./methods.ts";
import type { SourceDescription } from "./source.ts";

/** What a checkpoint has for text. */
interface TextParts {
  /** Where it is from, for messages. */
  readonly label: string;
  readonly tokenizer: Tokenizer;
  readonly tokenizerConfig: unknown;
  readonly chatTemplate: string | undefined;
}

let parts: TextParts | undefined;

/** The worker that turns text into tokens: building a tokenizer takes a second. */
serve<TextMethods>(platform.ownerPort(), {
  load: async ({ source }, { emit, transfer }) => {
    parts = await loadText(source, () => emit("begun"));
    const table = parts?.tokenizer.tokenTable();
    if (table) transfer.push(table.bytes.buffer, table.offsets.buffer, table.control.buffer);
    return { table };
  },
  encode: ({ text, specialTokens }, { emit, transfer }) => {
    emit("begun");
    const tokens = loaded().tokenizer.encode(text, { specialTokens });
    transfer.push(tokens.buffer);
    return tokens;
  },
  encodePieces: (pieces, { emit, transfer }) => {
    emit("begun");
    const tokens = encodeChatPieces(loaded().tokenizer, pieces);
    transfer.push(tokens.buffer);
    return tokens;
  },
  decode: ({ tokens, skipSpecialTokens }, { emit }) => {
    emit("begun");
    return loaded().tokenizer.decode(tokens, { skipSpecialTokens });
  },
  selectTemplate: ({ tools }) => selectTemplate(loaded(), tools),
  ping: () => undefined,
});

/** @param onRead - called when all is read, and what remains is this thread's work */
async function loadText(source: SourceDescription, onRead: () => void): Promise<TextParts | undefined> {
  const files = await platform.openSource(source);
  try {
    const tokenizerJson = await readJson(files, "tokenizer.json");
    if (tokenizerJson === undefined) return undefined;
    const tokenizerConfig = await readJson(files, "tokenizer_config.json");
    const chatTemplate = await readText(files, "chat_template.jinja");
    onRead();
    const tokenizer = createTokenizer(tokenizerJson, tokenizerConfig);
    return { label: files.label, tokenizer, tokenizerConfig, chatTemplate };
  } finally {
    await files.close();
  }
}

function loaded(): TextParts {
  if (parts) return parts;
  throw new SkeinError("no_tokenizer", "this model has no tokenizer.json: give tokens instead of text");
}

function selectTemplate(
  { label, tokenizer, tokenizerConfig, chatTemplate }: TextParts,
  tools: boolean,
): SelectedTemplate {
  const text = selectChatTemplate(tokenizer, tokenizerConfig, chatTemplate, { tools });
  const isBuiltIn = chatTemplate === undefined && readTokenizerConfig(tokenizerConfig).chat_template == null;
  const file = chatTemplate === undefined ? "tokenizer_config.json" : "chat_template.jinja";
  return {
    text,
    origin: isBuiltIn ? "Skein's own, for Qwen2" : `${file} in ${label}`,
    specialTokenStrings: specialTokenStrings(tokenizerConfig),
    controlTokens: [...tokenizer.controlTokens.keys()],
  };
}
