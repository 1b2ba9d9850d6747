import { InvalidConfigError, UnsupportedError } from "../errors.ts";
import { byteToken, tokenBytes } from "./byte-alphabet.ts";
import { describe, type TokenizerFile } from "./tokenizer-files.ts";

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
}

/**
 * The table of a byte-level tokenizer.
 *
 * @param controlTokens - the ids of control tokens
 * @throws UnsupportedError for a decoder other than ByteLevel, and for `clean_up_tokenization_spaces`, which rewrites the
 * text after decoding and so cannot be streamed.
 * @throws InvalidConfigError when a byte has no token, so that some text could not be encoded.
 */
export function createTokenTable(
  file: TokenizerFile,
  config: Readonly<Record<string, unknown>>,
  controlTokens: Iterable<number>,
): TokenTable {
  checkDecoder(file.json.decoder);
  checkAlphabet(file.vocabulary);
  if (config.clean_up_tokenization_spaces === true) {
    throw new UnsupportedError(
      "tokenizer_config.json: clean_up_tokenization_spaces true is not supported, because text could not be streamed; set it to false",
    );
  }

  const tokens = new Array<Uint8Array | undefined>(file.vocabularySize);
  for (const [token, id] of file.vocabulary) tokens[id] = tokenBytes(token);
  const encoder = new TextEncoder();
  for (const { id, content } of file.addedTokens) tokens[id] = encoder.encode(content);

  const offsets = new Uint32Array(file.vocabularySize + 1);
  for (let id = 0; id < tokens.length; id++) offsets[id + 1] = offsets[id]! + (tokens[id]?.length ?? 0);
  const bytes = new Uint8Array(offsets[tokens.length]!);
  for (let id = 0; id < tokens.length; id++) {
    const token = tokens[id];
    if (token !== undefined) bytes.set(token, offsets[id]!);
  }
  const control = new Uint8Array(file.vocabularySize);
  for (const id of controlTokens) control[id] = 1;
  return { bytes, offsets, control };
}

function checkDecoder(decoder: unknown): void {
  const type = typeof decoder === "object" && decoder !== null && "type" in decoder ? decoder.type : null;
  if (type !== "ByteLevel") {
    throw new UnsupportedError(
      `tokenizer.json: a decoder of type ${describe(type)} is not supported; Skein reads byte-level tokenizers ("ByteLevel")`,
    );
  }
}

function checkAlphabet(vocabulary: ReadonlyMap<string, number>): void {
  for (let byte = 0; byte < 256; byte++) {
    if (vocabulary.has(byteToken(byte))) continue;
    throw new InvalidConfigError(
      "tokenizer.json model.vocab",
      `lacks ${JSON.stringify(byteToken(byte))}, the token of the byte ${byte}; is the file complete?`,
    );
  }
}
