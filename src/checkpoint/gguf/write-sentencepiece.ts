import { UnsupportedError } from "../../errors.ts";
import type { TokenizerFile } from "../../text/tokenizer-files.ts";
import { isRecord } from "../json-record.ts";
import { mergesOf, spaceMark } from "./sentencepiece.ts";
import { tokenTypes } from "./tokenizer.ts";
import type { TypedValue } from "./write-header.ts";

/** The tokens that every row of the embeddings has. */
export interface TokenList {
  readonly tokens: readonly string[];
  /** llama.cpp's, of each token. */
  readonly types: readonly number[];
}

/** Whether a tokenizer is one of SentencePiece's: of characters, with tokens for the bytes of those that have none. */
export function isSentencePiece({ json }: TokenizerFile): boolean {
  return (json.model as Readonly<Record<string, unknown>>).byte_fallback === true;
}

/** Whether it puts a space before its texts in a way of its own, which llama.cpp does not have: see {@link spacesOf}. */
export function hasOwnSpaces(file: TokenizerFile): boolean {
  return isSentencePiece(file) && spacesOf(file) === "metaspace";
}

/**
 * The keys of a vocabulary with scores: the way back from `sentencePieceParts`. llama.cpp has no list of merges. It joins whatever makes a token, the best score
 * first: so a token's score is the place of its merges in the list, counted down from 0, as it is in Llama's own files.
 *
 * @param unknown - the token for what has none
 * @throws UnsupportedError where that would make other tokens than the merges do
 */
export function metadataOfSentencePiece(
  file: TokenizerFile,
  { tokens, types }: TokenList,
  unknown: number | undefined,
): Record<string, TypedValue> {
  const own = types.map((type, id) =>
    id === unknown ? tokenTypes.unknown : bytePattern.test(tokens[id]!) ? tokenTypes.byte : type,
  );
  const bytes = new Set(tokens.filter((token) => bytePattern.test(token)));
  if (bytes.size < 256)
    throw new UnsupportedError(
      `tokenizer.json: it has tokens for ${bytes.size} of the 256 bytes; llama.cpp needs all of them`,
    );
  const addsSpace = spacesOf(file) !== "none";
  return {
    "tokenizer.ggml.model": { type: "string", value: "llama" },
    "tokenizer.ggml.pre": { type: "string", value: "default" },
    "tokenizer.ggml.tokens": { type: "strings", value: tokens },
    "tokenizer.ggml.scores": { type: "float32s", value: scoresOf(file, { tokens, types: own }) },
    "tokenizer.ggml.token_type": { type: "int32s", value: own },
    ...(unknown === undefined
      ? {}
      : { "tokenizer.ggml.unknown_token_id": { type: "uint32", value: unknown } as const }),
    "tokenizer.ggml.add_space_prefix": { type: "bool", value: addsSpace },
  };
}

const bytePattern = /^<0x[0-9A-F]{2}>$/;

/** @returns 0 for what no text is joined to: control tokens, bytes, tokens that are cut out before */
function scoresOf(file: TokenizerFile, { tokens, types }: TokenList): readonly number[] {
  const isPiece = (id: number): boolean => types[id] === tokenTypes.normal || types[id] === tokenTypes.unused;
  const pieces = new Set(tokens.filter((_, id) => isPiece(id)));
  const merges = listMerges(file).filter(({ parts }) => isMade(parts, pieces));
  const places = placesOf(merges);
  const scores = new Map<string, number>();
  // What has no merges, characters for the most part, follows in the order of the tokens.
  let next = -places.count;
  for (const piece of pieces) {
    const place = places.of.get(piece);
    scores.set(piece, place === undefined ? next-- : 0 - place);
  }
  checkMerges(merges, scores);
  return tokens.map((token, id) => (isPiece(id) ? scores.get(token)! : 0));
}

interface ListedMerge {
  readonly parts: readonly [string, string];
  /** Merges of one rank have the same; the leftmost in the text goes first. */
  readonly rank: number;
}

function listMerges({ json, mergeRanks }: TokenizerFile): readonly ListedMerge[] {
  const { merges } = json.model as { readonly merges: readonly (string | readonly [string, string])[] };
  return merges.map((merge, i) => ({
    parts: typeof merge === "string" ? (merge.split(" ") as [string, string]) : merge,
    rank: mergeRanks?.[i] ?? i,
  }));
}

/** Whether ordinary text can come to a merge: both parts and what they make are pieces. */
function isMade([left, right]: readonly [string, string], pieces: ReadonlySet<string>): boolean {
  const isPart = (part: string): boolean => pieces.has(part) || isCharacter(part);
  return pieces.has(left + right) && isPart(left) && isPart(right);
}

function isCharacter(text: string): boolean {
  return text.length <= 2 && text.length === String.fromCodePoint(text.codePointAt(0) ?? 0).length;
}

/** @returns the place of each token that is made, 0 for what is made first; tokens of one rank share theirs */
function placesOf(merges: readonly ListedMerge[]): {
  readonly of: ReadonlyMap<string, number>;
  readonly count: number;
} {
  const of = new Map<string, number>();
  let [count, rank] = [0, -1];
  let last = "";
  for (const merge of merges.toSorted((a, b) => a.rank - b.rank)) {
    const made = merge.parts.join("");
    if (made !== last && merge.rank !== rank) count++;
    const place = of.get(made);
    if (place === undefined) of.set(made, count - 1);
    else if (place !== count - 1)
      throw otherTokens(`the merges that make ${JSON.stringify(made)} do not stand together`);
    [rank, last] = [merge.rank, made];
  }
  return { of, count };
}

/** llama.cpp joins whatever makes a token; so must the merges. */
function checkMerges(merges: readonly ListedMerge[], scores: ReadonlyMap<string, number>): void {
  const listed = new Set(merges.map(({ parts }) => parts.join(" ")));
  for (const [left, right] of mergesOf(scores).merges)
    if (!listed.has(`${left} ${right}`))
      throw otherTokens(
        `no merge makes ${JSON.stringify(left + right)} of ${JSON.stringify(left)} and ${JSON.stringify(right)}`,
      );
}

function otherTokens(why: string): UnsupportedError {
  return new UnsupportedError(
    `tokenizer.json: a GGUF file has scores in place of merges, with which some texts would get other tokens: ${why}`,
  );
}

/**
 * What puts a space before a text: nothing; a normaliser, before every text between control tokens, as in llama.cpp; or `Metaspace`, which puts none where one is
 * already, and mostly none behind a control token.
 *
 * @throws UnsupportedError for another way
 */
function spacesOf({ json }: TokenizerFile): "none" | "every" | "metaspace" {
  const parts = partsOf(json.normalizer);
  const pre = json.pre_tokenizer ?? null;
  const marks = parts.at(-1);
  const isMarked =
    marks?.type === "Replace" && isRecord(marks.pattern) && marks.pattern.String === " " && marks.content === spaceMark;
  if (pre === null && isMarked && parts.length === 1) return "none";
  if (pre === null && isMarked && parts.length === 2 && parts[0]!.type === "Prepend" && parts[0]!.prepend === spaceMark)
    return "every";
  if (
    parts.length === 0 &&
    isRecord(pre) &&
    pre.type === "Metaspace" &&
    pre.split === false &&
    (pre.replacement ?? spaceMark) === spaceMark
  )
    return (pre.prepend_scheme ?? (pre.add_prefix_space === false ? "never" : "always")) === "never"
      ? "none"
      : "metaspace";
  throw new UnsupportedError(
    "tokenizer.json: what its normalizer and pre_tokenizer do to a text is not what llama.cpp does for SentencePiece's vocabularies: spaces become \u2581, and one may stand before the text",
  );
}

function partsOf(normalizer: unknown): readonly Readonly<Record<string, unknown>>[] {
  if (!isRecord(normalizer)) return [];
  return normalizer.type === "Sequence" && Array.isArray(normalizer.normalizers)
    ? normalizer.normalizers.map((part: unknown) => (isRecord(part) ? part : {}))
    : [normalizer];
}
