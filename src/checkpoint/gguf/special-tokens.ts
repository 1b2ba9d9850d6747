import { InvalidConfigError } from "../../errors.ts";
import type { GgufValue } from "./header.ts";

/** The roles that a file names tokens for, by llama.cpp's names. */
export type SpecialToken = "bos" | "eos" | "unknown" | "padding";

/** What llama.cpp takes for a vocabulary of SentencePiece where the file does not say it. */
const ofSentencePiece: Readonly<Partial<Record<SpecialToken, number>>> = { unknown: 0, bos: 1, eos: 2 };

/**
 * The token of a role, as `tokenizer.ggml.eos_token_id` names it.
 *
 * @returns its id; undefined where there is none
 * @throws InvalidConfigError when it is no number
 */
export function specialTokenOf(metadata: ReadonlyMap<string, GgufValue>, role: SpecialToken): number | undefined {
  const key = `tokenizer.ggml.${role}_token_id`;
  const id = metadata.get(key);
  if (typeof id === "number") return id;
  if (id !== undefined) throw new InvalidConfigError(key, `must be a number, not ${typeof id}`);
  return metadata.get("tokenizer.ggml.model") === "llama" ? ofSentencePiece[role] : undefined;
}
