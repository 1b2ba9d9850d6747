import { type CheckpointFiles, readJson } from "../checkpoint/files.ts";
import { readTokenizerConfig, tokenContent } from "../text/tokenizer-files.ts";
import type { ChatTemplateOrigin } from "./inspection.ts";

/** What the small `tokenizer_config.json` says; the tokenizer itself is not built. */
export interface TokenizerFacts {
  /** Control tokens and how they are written, as far as the file lists them. */
  readonly texts: ReadonlyMap<number, string>;
  /** `model_max_length`, in tokens. */
  readonly maxLength: number | null;
  /** The id of `eos_token`. */
  readonly endToken: number | null;
  readonly chatTemplate: ChatTemplateOrigin;
}

/** Past this `model_max_length` is transformers' way to say that there is none (1e30). */
const largestLength = 2 ** 40;

/**
 * Reads `tokenizer_config.json`, and whether there is a `chat_template.jinja`.
 *
 * @throws InvalidConfigError, CheckpointError when the file cannot be read
 */
export async function readTokenizerFacts(files: CheckpointFiles): Promise<TokenizerFacts> {
  const config = readTokenizerConfig(await readJson(files, "tokenizer_config.json"));
  const texts = readTexts(config.added_tokens_decoder);
  const endText = tokenContent(config.eos_token);
  const endToken = [...texts].find(([, text]) => text === endText)?.[0] ?? null;
  const hasTemplate = (await files.size("chat_template.jinja")) !== undefined || Boolean(config.chat_template);
  return {
    texts,
    maxLength: readLength(config.model_max_length),
    endToken,
    chatTemplate: hasTemplate ? "own" : withoutTemplate(texts),
  };
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
