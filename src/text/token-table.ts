import { InvalidConfigError } from "../errors.ts";
import type { TokenSpelling } from "./token-spelling.ts";
import type { TokenizerFile } from "./tokenizer-files.ts";

/**
 * What turns token ids back into text: plain data, so that another worker can have it (structured clone, or transfer of
 * the three buffers).
 */
export interface TokenTable {
  /** The bytes of all tokens, one after another, by id. A token need not hold whole characters. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** [vocabularySize + 1]: token `id` has the bytes from `offsets[id]` to `offsets[id + 1]`; an unused id has none. */
  readonly offsets: Uint32Array<ArrayBuffer>;
  /** [vocabularySize]: 1 for control tokens, which `skipSpecialTokens` leaves out, 0 for all others. */
  readonly control: Uint8Array<ArrayBuffer>;
  /** So many spaces at the beginning of a text are not part of it: see `TokenSpelling`. */
  readonly leadingSpaces: number;
}

/**
 * The table of a tokenizer. What `clean_up_tokenization_spaces` of `tokenizer_config.json` does to decoded text (Llama 3's has it: " ." becomes ".") is left
 * out: it is no part of the tokenizer, and would change what the model wrote.
 *
 * @param controlTokens - the ids of control tokens
 */
export function createTokenTable(
  file: TokenizerFile,
  spelling: TokenSpelling,
  controlTokens: Iterable<number>,
): TokenTable {
  const tokens = new Array<Uint8Array | undefined>(file.vocabularySize);
  for (const [token, id] of file.vocabulary) tokens[id] = spelling.bytesOf(token);
  for (const { id, content } of file.addedTokens) tokens[id] = spelling.bytesOfAdded(content);

  const offsets = new Uint32Array(file.vocabularySize + 1);
  for (let id = 0; id < tokens.length; id++) offsets[id + 1] = offsets[id]! + (tokens[id]?.length ?? 0);
  const bytes = new Uint8Array(offsets[tokens.length]!);
  for (let id = 0; id < tokens.length; id++) {
    const token = tokens[id];
    if (token !== undefined) bytes.set(token, offsets[id]!);
  }
  const control = new Uint8Array(file.vocabularySize);
  for (const id of controlTokens) control[id] = 1;
  return { bytes, offsets, control, leadingSpaces: spelling.leadingSpaces };
}

/**
 * Bytes without a token, in the alphabet of tokens. Some vocabularies have no bytes but those of the text that they were trained on (SmolLM's): the reference
 * leaves the others out of a text, unless there is a token for what is unknown.
 *
 * @throws InvalidConfigError when some text could not be encoded, or none
 */
export function absentBytes({ vocabulary, json }: TokenizerFile, { byteToken, hasByteTokens }: TokenSpelling): string {
  const { byte_fallback, unk_token = null } = json.model as Readonly<Record<string, unknown>>;
  if (hasByteTokens && byte_fallback !== true) {
    throw new InvalidConfigError("tokenizer.json model.byte_fallback", "must be true, else not every text has tokens");
  }
  let absent = "";
  for (let byte = 0; byte < 256; byte++) {
    const token = byteToken(byte);
    if (vocabulary.has(token)) continue;
    // In ASCII are its own visible characters, which no vocabulary in use lacks, and SentencePiece's tokens of bytes, `<0x0A>`.
    if (token < "\x7f" || unk_token !== null) {
      throw new InvalidConfigError(
        "tokenizer.json model.vocab",
        `lacks ${JSON.stringify(token)}, the token of the byte ${byte}; is the file complete?`,
      );
    }
    absent += token;
  }
  return absent;
}
