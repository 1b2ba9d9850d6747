import { type CheckpointFiles, readJson, readText } from "../checkpoint/files.ts";
import { inFile } from "../checkpoint/in-file.ts";
import { selectChatTemplate, specialTokenStrings } from "../text/select-chat-template.ts";
import { createTokenizer, type Tokenizer } from "../text/tokenizer.ts";
import { readTokenizerConfig } from "../text/tokenizer-files.ts";
import type { SelectedTemplate } from "./methods.ts";

/** What a checkpoint has for text. */
export interface TextParts {
  /** Where it is from, for messages. */
  readonly label: string;
  readonly tokenizer: Tokenizer;
  readonly tokenizerConfig: unknown;
  /** The content of `chat_template.jinja`. */
  readonly chatTemplate: string | undefined;
}

/**
 * @param onRead - called when all is read, and what remains is this thread's work
 * @returns undefined for a checkpoint without a tokenizer
 * @throws CheckpointError, InvalidConfigError, UnsupportedError naming the file
 */
export async function loadText(files: CheckpointFiles, onRead: () => void = () => {}): Promise<TextParts | undefined> {
  const tokenizerJson = await readJson(files, "tokenizer.json");
  if (tokenizerJson === undefined) return undefined;
  const tokenizerConfig = await readJson(files, "tokenizer_config.json");
  const chatTemplate = await readText(files, "chat_template.jinja");
  onRead();
  const { label } = files;
  const tokenizer = inFile(label, () => createTokenizer(tokenizerJson, tokenizerConfig));
  return { label, tokenizer, tokenizerConfig, chatTemplate };
}

/** @throws SkeinError (code `no_chat_template`); InvalidConfigError */
export function selectTemplate(
  { label, tokenizer, tokenizerConfig, chatTemplate }: TextParts,
  tools: boolean,
): SelectedTemplate {
  return inFile(label, () => {
    const text = selectChatTemplate(tokenizer, tokenizerConfig, chatTemplate, { tools });
    const isBuiltIn =
      chatTemplate === undefined && (readTokenizerConfig(tokenizerConfig).chat_template ?? null) === null;
    const file = chatTemplate === undefined ? "tokenizer_config.json" : "chat_template.jinja";
    return {
      text,
      origin: isBuiltIn ? "Skein's own, for Qwen2" : `${file} in ${label}`,
      specialTokenStrings: specialTokenStrings(tokenizerConfig),
      controlTokens: [...tokenizer.controlTokens.keys()],
    };
  });
}
