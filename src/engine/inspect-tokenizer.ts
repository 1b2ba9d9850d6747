import { type CheckpointFiles, readText } from "../checkpoint/files.ts";
import { inFile } from "../checkpoint/in-file.ts";
import { readTokenizerConfig, tokenContent } from "../text/tokenizer-files.ts";
import type { ChatTemplateOrigin, EndToken } from "./inspection.ts";

/** What the small `tokenizer_config.json` says; the tokenizer itself is not built. */
export interface TokenizerFacts {
  /** Control tokens and how they are written, as far as the file lists them. */
  readonly texts: ReadonlyMap<number, string>;
  /** `model_max_length`, in tokens. */
  readonly maxLength: number | null;
  /** The id of `eos_token`. */
  readonly endToken: number | null;
  readonly chatTemplate: ChatTemplateOrigin;
  /** The tokens with which the chat template ends a turn, as far as they can be told from its text. */
  readonly turnEnds: readonly EndToken[];
}

/** Past this `model_max_length` is transformers' way to say that there is none (1e30). */
const largestLength = 2 ** 40;

/**
 * Reads what `tokenizer_config.json` says, and `chat_template.jinja` where there is one.
 *
 * @param json - the parsed `tokenizer_config.json`; undefined when there is none
 * @throws InvalidConfigError, CheckpointError when a file cannot be read
 */
export async function readTokenizerFacts(files: CheckpointFiles, json: unknown): Promise<TokenizerFacts> {
  const config = inFile(files.label, () => readTokenizerConfig(json));
  const texts = readTexts(config.added_tokens_decoder);
  const endText = tokenContent(config.eos_token);
  const endToken = [...texts].find(([, text]) => text === endText)?.[0] ?? null;
  const template = (await readText(files, "chat_template.jinja")) ?? (config.chat_template || undefined);
  const chatTemplate = template === undefined ? withoutTemplate(texts) : "own";
  const turnEnds = chatTemplate === "qwen2" ? findTurnEnds("<|im_end|>", texts) : findTurnEnds(template, texts);
  return { texts, maxLength: readLength(config.model_max_length), endToken, chatTemplate, turnEnds };
}

/** Texts that end a turn in the templates of the families in use; they mean nothing else. */
const turnEndTexts = [
  "<|im_end|>",
  "<|eot_id|>",
  "<|end|>",
  "<|end_of_turn|>",
  "<end_of_turn>",
  "<｜end▁of▁sentence｜>",
];

/** @param template - a text, or a list of named ones */
function findTurnEnds(template: unknown, texts: ReadonlyMap<number, string>): readonly EndToken[] {
  const written = typeof template === "string" ? template : JSON.stringify(template ?? "");
  return [...texts]
    .filter(([, text]) => turnEndTexts.includes(text) && written.includes(text))
    .map(([id, text]) => ({ id, text }));
}

function withoutTemplate(texts: ReadonlyMap<number, string>): ChatTemplateOrigin {
  if (texts.size === 0) return "unknown";
  const known = new Set(texts.values());
  return known.has("<|im_start|>") && known.has("<|im_end|>") ? "qwen2" : "none";
}

/** Entries that are not tokens are left out: the file does not decide how anything is computed. */
function readTexts(decoder: unknown): Map<number, string> {
  const texts = new Map<number, string>();
  if (typeof decoder !== "object" || decoder === null) return texts;
  for (const [id, token] of Object.entries(decoder)) {
    const text = tokenContent(token);
    if (/^\d{1,9}$/.test(id) && text !== undefined) texts.set(Number(id), text);
  }
  return texts;
}

function readLength(value: unknown): number | null {
  return typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= largestLength ? value : null;
}
