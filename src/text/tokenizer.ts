import { type BPE, Tokenizer as LibraryTokenizer } from "@huggingface/tokenizers";
import { InvalidConfigError, InvalidOptionError, SkeinError, show, UnsupportedError } from "../errors.ts";
import { type SpaceMakers, spaceMakersAt, type TextPlace, toReferenceSplitters } from "./leading-space.ts";
import { readSpelling, type TokenSpelling } from "./token-spelling.ts";
import { absentBytes, createTokenTable, type TokenTable } from "./token-table.ts";
import {
  type AddedToken,
  readTokenizerConfig,
  readTokenizerFile,
  type TokenizerFile,
  tokenContent,
} from "./tokenizer-files.ts";

interface EncodeOptions {
  /**
   * Whether control tokens written out in the text (`<|im_end|>`) become those tokens (default), or are encoded as the
   * letters that they are. Added tokens that are not special (`<tool_call>`) are vocabulary, and parsed in both cases.
   */
  readonly specialTokens?: boolean | undefined;
  /** Whether the tokenizer's post-processor may add its tokens (a beginning-of-text token, ...). Default true. */
  readonly addSpecialTokens?: boolean | undefined;
  /** Where the text stands: decides about a space that is put before it. Default: at the beginning. */
  readonly place?: TextPlace | undefined;
}

interface DecodeOptions {
  /** Leave control tokens out of the text. Default false. */
  readonly skipSpecialTokens?: boolean | undefined;
  /** The size of the model's own vocabulary, which may be larger: what it is padded with has no text. */
  readonly modelVocabulary?: number | undefined;
}

/** Text to tokens and back, for one checkpoint. */
export interface Tokenizer {
  /**
   * The tokens of a text, equal to those of Hugging Face's tokenizers. Lone surrogates, which no UTF-8 text can hold,
   * count as U+FFFD.
   */
  encode(text: string, options?: EncodeOptions): Uint32Array<ArrayBuffer>;
  /**
   * The text of tokens. Bytes that are no UTF-8 become U+FFFD.
   *
   * @throws InvalidOptionError when an id is neither below `vocabularySize` nor in the model's vocabulary.
   */
  decode(tokens: ArrayLike<number>, options?: DecodeOptions): string;
  /** The id of a token by its exact content, e.g. `tokenId("<|im_end|>")`. */
  tokenId(content: string): number | undefined;
  /** The control tokens, content to id: those marked `special`, and the configuration's `additional_special_tokens`. */
  readonly controlTokens: ReadonlyMap<string, number>;
  /** All tokens outside the byte-pair merges, control tokens among them. */
  readonly addedTokens: readonly AddedToken[];
  /** The largest id, plus 1. A model's own vocabulary may be larger: it is padded to a round number. */
  readonly vocabularySize: number;
  /** The id of the configuration's `eos_token`, when it names one. */
  readonly endOfText: number | undefined;
  /** What a streaming detokenizer needs, elsewhere too: a fresh copy, which may be transferred to another worker. */
  tokenTable(): TokenTable;
}

/**
 * Builds a tokenizer. For Qwen's vocabulary this takes about a second and a few hundred megabytes on the way: do it in a
 * worker.
 *
 * @param tokenizerJson - the parsed `tokenizer.json`
 * @param tokenizerConfig - the parsed `tokenizer_config.json`; undefined when a checkpoint has none
 * @throws InvalidConfigError naming the file and field that cannot be followed.
 * @throws UnsupportedError for tokenizers that are not byte-pair encodings, byte-level or SentencePiece's.
 * @example
 * const tokenizer = createTokenizer(JSON.parse(tokenizerJson), JSON.parse(tokenizerConfigJson));
 * tokenizer.decode(tokenizer.encode("Hello")); // "Hello"
 */
export function createTokenizer(tokenizerJson: unknown, tokenizerConfig: unknown): Tokenizer {
  const file = readTokenizerFile(tokenizerJson);
  const config = readTokenizerConfig(tokenizerConfig);
  const spelling = readSpelling(file.json.decoder);
  const absent = absentBytes(file, spelling);
  const controlTokens = findControlTokens(file, config);
  const controlIds = new Set(controlTokens.values());
  const table = createTokenTable(file, spelling, controlIds);
  const libraries = createLibraries(file, controlIds, absent);
  const withControl = libraries("beginning", true);
  const encodeLetters = createLetterEncoder(file, controlIds, libraries, spelling);

  return {
    controlTokens,
    addedTokens: file.addedTokens,
    vocabularySize: file.vocabularySize,
    endOfText: findEndOfText(withControl, config),
    tokenId: (content) => withControl.token_to_id(content),
    tokenTable: () => ({
      bytes: table.bytes.slice(),
      offsets: table.offsets.slice(),
      control: table.control.slice(),
      leadingSpaces: table.leadingSpaces,
    }),
    encode: (text, { specialTokens = true, addSpecialTokens = true, place = "beginning" } = {}) => {
      if (typeof text !== "string") throw new InvalidOptionError("text", `must be a string, got ${typeof text}`);
      const wellFormed = text.toWellFormed();
      // Parts of the file are looked at when there is a text for them.
      return followFile(() =>
        specialTokens
          ? toIds(libraries(place, true).encode(wellFormed, { add_special_tokens: addSpecialTokens }).ids)
          : encodeLetters(wellFormed, addSpecialTokens, place),
      );
    },
    decode: (tokens, options = {}) => decodeAtOnce(table, tokens, options),
  };
}

/** The library's tokenizer for text at a place, with or without control tokens among those that it looks for. */
type Libraries = (place: TextPlace, withControl: boolean) => LibraryTokenizer;

/**
 * The library splits text at every added token that it knows: where control tokens are letters, it must not know them. All tokenizers share the large part, the
 * model.
 */
function createLibraries(file: TokenizerFile, controlIds: ReadonlySet<number>, absent: string): Libraries {
  const { normalizer = null, pre_tokenizer = null } = file.json;
  const parts = { normalizer, pre_tokenizer: toReferenceSplitters(pre_tokenizer) };
  const ordinary = file.addedTokens.filter(({ id }) => !controlIds.has(id));
  const main = buildLibraryTokenizer(file, parts, file.json.model, file.addedTokens);
  const model = main.model as BPE;
  for (const [i, rank] of file.mergeRanks?.entries() ?? []) model.bpe_ranks.set(JSON.stringify(model.merges[i]), rank);
  if (absent !== "") {
    // What has no token the reference leaves out before it merges, the library afterwards.
    const characters = new RegExp(`[${absent}]`, "g");
    const merge = model.bpe.bind(model);
    model.bpe = (word) => merge(word.replace(characters, ""));
  }
  const known = new Map<string, LibraryTokenizer>([["beginning true", main]]);
  return (asked, withControl) => {
    const made = spaceMakersAt(parts, asked);
    const place = made === parts ? "beginning" : asked;
    const found = known.get(`${place} ${withControl}`);
    if (found) return found;
    const added = withControl ? file.addedTokens : ordinary;
    const library = buildLibraryTokenizer(file, made, { type: "BPE", vocab: {}, merges: [] }, added);
    library.model = model;
    known.set(`${place} ${withControl}`, library);
    return library;
  };
}

/** Encodes text in which control tokens are nothing but letters. */
function createLetterEncoder(
  file: TokenizerFile,
  controlIds: ReadonlySet<number>,
  libraries: Libraries,
  spelling: TokenSpelling,
): (text: string, addSpecialTokens: boolean, place: TextPlace) => Uint32Array<ArrayBuffer> {
  const withControl = libraries("beginning", true);
  const around = surroundingTokens(withControl);

  // The model itself can arrive at a control token from letters, where its vocabulary holds the token's text too (with
  // `ignore_merges` it even looks there first). Such a token is taken apart into the smaller ones that it is made of.
  const spell = (token: string): number[] => {
    const merged = (withControl.model as BPE).bpe(token);
    const parts = merged.length > 1 ? merged : Array.from(token);
    return parts.flatMap((part) => {
      const id = file.vocabulary.get(part);
      if (id !== undefined && !controlIds.has(id)) return [id];
      if (parts.length > 1) return spell(part);
      const bytes = Array.from(spelling.bytesOfAdded(part), (byte) => file.vocabulary.get(spelling.byteToken(byte)));
      if (bytes.every((byte) => byte !== undefined && !controlIds.has(byte))) return bytes as number[];
      throw new InvalidConfigError("tokenizer.json added_tokens", `${show(part)} cannot be written as text`);
    });
  };

  return (text, addSpecialTokens, place) => {
    const { ids, tokens } = libraries(place, false).encode(text, { add_special_tokens: false });
    const letters = ids.some((id) => controlIds.has(id))
      ? ids.flatMap((id, index) => (controlIds.has(id) ? spell(tokens[index]!) : [id]))
      : ids;
    return toIds(addSpecialTokens ? [...around.before, ...letters, ...around.after] : letters);
  };
}

/** The tokens that the post-processor puts before and after every text. */
function surroundingTokens(library: LibraryTokenizer): { before: number[]; after: number[] } {
  const text = "\u0000"; // The byte alphabet has no such character, so it is no token.
  const tokens: string[] = followFile(() => library.post_processor?.post_process([text], null, true).tokens ?? [text]);
  const position = tokens.indexOf(text);
  const ids = (list: string[]): number[] => list.map((token) => library.token_to_id(token) ?? Number.NaN);
  return { before: ids(tokens.slice(0, position)), after: ids(tokens.slice(position + 1)) };
}

function buildLibraryTokenizer(
  file: TokenizerFile,
  { normalizer, pre_tokenizer }: SpaceMakers,
  model: unknown,
  addedTokens: readonly AddedToken[],
): LibraryTokenizer {
  const { post_processor = null, decoder } = file.json;
  const added_tokens = addedTokens.map(({ json }) => json);
  // Of the configuration, the library would follow only what the reference's fast tokenizers pass over.
  return followFile(
    () => new LibraryTokenizer({ normalizer, pre_tokenizer, post_processor, decoder, model, added_tokens }, {}),
  );
}

/** Turns the library's errors about `tokenizer.json` into ours. */
function followFile<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    if (error instanceof SkeinError) throw error;
    // The library quotes what it does not know, which can be anything.
    const message = (error instanceof Error ? error.message : String(error)).replace(/[\s\p{C}]+/gu, " ").slice(0, 200);
    if (message.startsWith("Unknown ")) {
      throw new UnsupportedError(`tokenizer.json: ${message}; Skein does not have it`);
    }
    throw new InvalidConfigError("tokenizer.json", `cannot be followed: ${message}`);
  }
}

function findControlTokens(file: TokenizerFile, config: Readonly<Record<string, unknown>>): Map<string, number> {
  const listed = config.additional_special_tokens ?? [];
  if (!Array.isArray(listed)) {
    throw new InvalidConfigError("tokenizer_config.json additional_special_tokens", "must be a list of tokens");
  }
  const names = new Set(listed.map(tokenContent));
  return new Map(
    file.addedTokens
      .filter(({ special, content }) => special || names.has(content))
      .map(({ content, id }) => [content, id] as const),
  );
}

function findEndOfText(library: LibraryTokenizer, config: Readonly<Record<string, unknown>>): number | undefined {
  const content = tokenContent(config.eos_token);
  return content === undefined ? undefined : library.token_to_id(content);
}

function toIds(ids: ReadonlyArray<number | undefined>): Uint32Array<ArrayBuffer> {
  if (ids.some((id) => !Number.isInteger(id))) {
    throw new InvalidConfigError("tokenizer.json", "its model or its post-processor makes tokens that have no id");
  }
  return Uint32Array.from(ids as readonly number[]);
}

function decodeAtOnce(
  { bytes, offsets, control, leadingSpaces }: TokenTable,
  tokens: ArrayLike<number>,
  { skipSpecialTokens = false, modelVocabulary = 0 }: DecodeOptions,
): string {
  const vocabulary = Math.max(control.length, modelVocabulary);
  let length = 0;
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (!Number.isInteger(token) || token < 0 || token >= vocabulary) {
      throw new InvalidOptionError(
        "tokens",
        `must be ids below ${vocabulary}, the vocabulary, got ${token} at index ${index}`,
      );
    }
    if (token < control.length) length += offsets[token + 1]! - offsets[token]!;
  }
  const text = new Uint8Array(length);
  let end = 0;
  for (let index = 0; index < tokens.length; index++) {
    const token = tokens[index]!;
    if (token >= control.length || (skipSpecialTokens && control[token] === 1)) continue;
    text.set(bytes.subarray(offsets[token]!, offsets[token + 1]!), end);
    end += offsets[token + 1]! - offsets[token]!;
  }
  // A byte order mark is text like any other; the decoder would swallow it.
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(text.subarray(countSpaces(text, leadingSpaces), end));
}

/** How many of the first bytes are spaces, `most` at most. */
function countSpaces(bytes: Uint8Array, most: number): number {
  let count = 0;
  while (count < most && bytes[count] === 0x20) count++;
  return count;
}
