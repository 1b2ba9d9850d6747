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
 * @throws InvalidConfigError when a byte has no token and needs one, so that some text could not be encoded as the reference does.
 */
export function createTokenTable(
  file: TokenizerFile,
  spelling: TokenSpelling,
  controlTokens: Iterable<number>,
): TokenTable {
  checkAlphabet(file, spelling);
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

function checkAlphabet({ vocabulary, json }: TokenizerFile, { byteToken, hasByteTokens }: TokenSpelling): void {
  const { byte_fallback, unk_token = null } = json.model as Readonly<Record<string, unknown>>;
  if (hasByteTokens && byte_fallback !== true) {
    throw new InvalidConfigError("tokenizer.json model.byte_fallback", "must be true, else not every text has tokens");
  }
  // Some vocabularies have no bytes but those of the text that they were trained on (SmolLM's): the reference leaves the others out, unless there is a token
  // for what is unknown. None in use lacks a character of ASCII.
  const [first, end] = hasByteTokens || unk_token !== null ? [0, 256] : [0x20, 0x7f];
  for (let byte = first; byte < end; byte++) {
    if (vocabulary.has(byteToken(byte))) continue;
    throw new InvalidConfigError(
      "tokenizer.json model.vocab",
      `lacks ${JSON.stringify(byteToken(byte))}, the token of the byte ${byte}; is the file complete?`,
    );
  }
}
