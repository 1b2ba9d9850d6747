/**
 * Byte-level tokenizers write each byte as one visible character: printable Latin-1 stands for itself, every other byte
 * for a character from U+0100 on. This is the way back.
 *
 * @returns the bytes of a token of the vocabulary, or of the text itself when it is not written in that alphabet
 * @see https://github.com/openai/gpt-2/blob/master/src/encoder.py (`bytes_to_unicode`)
 */
export function tokenBytes(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let index = 0; index < token.length; index++) {
    const byte = BYTES.get(token.charCodeAt(index));
    if (byte === undefined) return new TextEncoder().encode(token);
    bytes[index] = byte;
  }
  return bytes;
}

/** The token of a single byte, which a vocabulary must have if every text is to have tokens. */
export function byteToken(byte: number): string {
  return CHARACTERS[byte]!;
}

const BYTES: ReadonlyMap<number, number> = byteAlphabet();

/** UTF-16 code of the character to the byte that it stands for. */
function byteAlphabet(): Map<number, number> {
  const isPrintable = (code: number): boolean =>
    (code >= 0x21 && code <= 0x7e) || (code >= 0xa1 && code <= 0xac) || (code >= 0xae && code <= 0xff);
  const alphabet = new Map<number, number>();
  let next = 0x100;
  for (let byte = 0; byte < 0x100; byte++) alphabet.set(isPrintable(byte) ? byte : next++, byte);
  return alphabet;
}

const CHARACTERS: readonly string[] = Array.from(BYTES.keys(), (code) => String.fromCharCode(code));
