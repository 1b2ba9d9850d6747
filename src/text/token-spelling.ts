import { show, UnsupportedError } from "../errors.ts";
import { byteToken, tokenBytes } from "./byte-alphabet.ts";

/** How the tokens of a vocabulary are written, and so what text they stand for. */
export interface TokenSpelling {
  /** The bytes of a token of the vocabulary. */
  readonly bytesOf: (token: string) => Uint8Array;
  /** Those of an added token. */
  readonly bytesOfAdded: (content: string) => Uint8Array;
  /** The token of a single byte. */
  readonly byteToken: (byte: number) => string;
  /** Whether bytes have tokens beside those of letters, which the model has to fall back to. */
  readonly hasByteTokens: boolean;
  /** So many spaces at the beginning of a text are not part of it: encoding puts them there. */
  readonly leadingSpaces: number;
}

/** What SentencePiece writes for a space. */
const spaceMark = "\u2581";

const encoder = new TextEncoder();

const byteLevel: TokenSpelling = {
  bytesOf: tokenBytes,
  bytesOfAdded: (content) => encoder.encode(content),
  byteToken,
  hasByteTokens: false,
  leadingSpaces: 0,
};

/**
 * The spelling that a `decoder` undoes: bytes as visible characters (`ByteLevel`), or SentencePiece's, with a mark for spaces and tokens like `<0x0A>` for
 * bytes that no other token has (a `Sequence` of `Replace`, `ByteFallback`, `Fuse` and perhaps `Strip`).
 *
 * @param decoder - of a parsed `tokenizer.json`
 * @throws UnsupportedError for any other
 */
export function readSpelling(decoder: unknown): TokenSpelling {
  const type = fieldOf(decoder, "type");
  if (type === "ByteLevel") return byteLevel;
  if (type === "Sequence") return readSentencePiece(fieldOf(decoder, "decoders"));
  throw unsupported(type);
}

function readSentencePiece(decoders: unknown): TokenSpelling {
  const parts = Array.isArray(decoders) ? decoders : [];
  const types = parts.map((part) => String(fieldOf(part, "type")));
  const [replace, , , strip] = parts;
  const isReplaced =
    fieldOf(fieldOf(replace, "pattern"), "String") === spaceMark && fieldOf(replace, "content") === " ";
  const start = strip === undefined ? 0 : fieldOf(strip, "start");
  const isStripped = strip === undefined || (fieldOf(strip, "content") === " " && fieldOf(strip, "stop") === 0);
  const isKnown = ["Replace,ByteFallback,Fuse", "Replace,ByteFallback,Fuse,Strip"].includes(types.join());
  if (!isKnown || !isReplaced || !isStripped || typeof start !== "number" || !(start >= 0)) {
    throw unsupported(`Sequence of ${types.join(", ").slice(0, 80)}`);
  }
  const bytes = { bytesOf: bytesOfPiece, bytesOfAdded: spacedBytes, byteToken: byteOfPiece };
  return { ...bytes, hasByteTokens: true, leadingSpaces: start };
}

function bytesOfPiece(token: string): Uint8Array {
  const [, hexadecimal] = /^<0x([0-9A-F]{2})>$/.exec(token) ?? [];
  return hexadecimal === undefined ? spacedBytes(token) : Uint8Array.of(Number.parseInt(hexadecimal, 16));
}

function spacedBytes(text: string): Uint8Array {
  return encoder.encode(text.replaceAll(spaceMark, " "));
}

function byteOfPiece(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`;
}

function fieldOf(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : null;
}

function unsupported(type: unknown): UnsupportedError {
  return new UnsupportedError(
    `tokenizer.json: a decoder of type ${show(type)} is not supported; Skein reads byte-level tokenizers ("ByteLevel") and SentencePiece's ("Sequence" of Replace, ByteFallback, Fuse and Strip)`,
  );
}
