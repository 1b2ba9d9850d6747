import { InvalidConfigError, show, UnsupportedError } from "../errors.ts";

/** An entry of `added_tokens`: text that is one token wherever it stands, outside the byte-pair merges. */
export interface AddedToken {
  readonly id: number;
  readonly content: string;
  /** Takes the white space before it with it. */
  readonly lstrip: boolean;
  /** Takes the white space after it with it. */
  readonly rstrip: boolean;
  /** A control token: it steers the model and is no text. */
  readonly special: boolean;
  /** The entry as the file has it. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** `tokenizer.json` as far as Skein looks at it itself; the rest goes to the library as it is. */
export interface TokenizerFile {
  readonly json: Readonly<Record<string, unknown>>;
  /** Token string (for a byte-level tokenizer one character a byte) to id. */
  readonly vocabulary: ReadonlyMap<string, number>;
  readonly addedTokens: readonly AddedToken[];
  /**
   * The rank of each merge, where several have the same: of these the leftmost goes first. No file of Hugging Face's has it; it is made from a vocabulary with
   * scores (`model.equal_ranks`).
   */
  readonly mergeRanks: readonly number[] | undefined;
  /** The largest id, plus 1. */
  readonly vocabularySize: number;
}

// Sixteen times the largest vocabulary in use; it bounds what a damaged file can make Skein allocate.
const LARGEST_ID = 2 ** 22 - 1;

/**
 * Checks a parsed `tokenizer.json`: a byte-pair model, ids that are ids, merges that are pairs.
 *
 * @throws InvalidConfigError naming file and field.
 * @throws UnsupportedError for models other than byte-pair encoding, and for added tokens that only match whole words.
 */
export function readTokenizerFile(value: unknown): TokenizerFile {
  const json = requireObject(value, "tokenizer.json");
  const model = requireObject(json.model, "tokenizer.json model");
  // Files of 2019 to 2021 leave the type out; only byte-pair models have merges.
  const type = model.type ?? ("merges" in model ? "BPE" : undefined);
  if (type !== "BPE") {
    throw new UnsupportedError(
      `tokenizer.json: a model of type ${show(type)} is not supported; Skein reads byte-pair encoding ("BPE")`,
    );
  }
  for (const part of ["continuing_subword_prefix", "end_of_word_suffix"]) {
    if ((model[part] ?? "") === "") continue;
    throw new UnsupportedError(`tokenizer.json: a model with ${part} is not supported, because it is not byte-level`);
  }
  const vocabulary = readVocabulary(requireObject(model.vocab, "tokenizer.json model.vocab"));
  checkMerges(model.merges);
  const mergeRanks = readMergeRanks(model);
  const addedTokens = readAddedTokens(json.added_tokens, vocabulary);
  for (const part of ["normalizer", "pre_tokenizer", "post_processor", "decoder"]) {
    if (json[part] !== undefined && json[part] !== null) requireObject(json[part], `tokenizer.json ${part}`);
  }

  let largest = -1;
  for (const id of vocabulary.values()) largest = Math.max(largest, id);
  for (const { id } of addedTokens) largest = Math.max(largest, id);
  if (largest < 0) throw new InvalidConfigError("tokenizer.json model.vocab", "has no tokens; is the file complete?");
  return { json, vocabulary, addedTokens, mergeRanks, vocabularySize: largest + 1 };
}

/**
 * Checks that a parsed `tokenizer_config.json` is an object; a checkpoint without the file has an empty one.
 *
 * @throws InvalidConfigError otherwise.
 */
export function readTokenizerConfig(value: unknown): Readonly<Record<string, unknown>> {
  return value === undefined || value === null ? {} : requireObject(value, "tokenizer_config.json");
}

/** The content of a token as configurations name it: the text itself, or an object with its `content`. */
export function tokenContent(value: unknown): string | undefined {
  const content = typeof value === "object" && value !== null && "content" in value ? value.content : value;
  return typeof content === "string" ? content : undefined;
}

function readVocabulary(vocab: Readonly<Record<string, unknown>>): Map<string, number> {
  const vocabulary = new Map<string, number>();
  const taken = new Map<number, string>();
  for (const [token, id] of Object.entries(vocab)) {
    const field = `tokenizer.json model.vocab[${show(token)}]`;
    const other = taken.get(requireId(id, field));
    if (other !== undefined) throw new InvalidConfigError(field, `has the id ${id} of ${show(other)} too`);
    vocabulary.set(token, id as number);
    taken.set(id as number, token);
  }
  return vocabulary;
}

function checkMerges(merges: unknown): void {
  const field = "tokenizer.json model.merges";
  if (!Array.isArray(merges)) throw new InvalidConfigError(field, `must be a list of pairs, got ${show(merges)}`);
  const asLists = Array.isArray(merges[0]);
  for (const [index, merge] of merges.entries()) {
    const valid = asLists
      ? Array.isArray(merge) && merge.length === 2 && merge.every((part) => typeof part === "string")
      : typeof merge === "string" && merge.split(" ").length === 2;
    if (!valid) {
      const wanted = asLists ? "two strings, as the first entry is" : 'a string of two parts, "a b"';
      throw new InvalidConfigError(`${field}[${index}]`, `must be ${wanted}, got ${show(merge)}`);
    }
  }
}

function readMergeRanks({ merges, equal_ranks: ranks }: Readonly<Record<string, unknown>>): number[] | undefined {
  if (ranks === undefined) return undefined;
  const count = (merges as readonly unknown[]).length;
  const isRank = (rank: unknown): boolean =>
    Number.isInteger(rank) && (rank as number) >= 0 && (rank as number) < count;
  if (Array.isArray(ranks) && ranks.length === count && ranks.every(isRank)) return ranks;
  throw new InvalidConfigError("tokenizer.json model.equal_ranks", `must be the ranks of ${count} merges`);
}

function readAddedTokens(value: unknown, vocabulary: ReadonlyMap<string, number>): AddedToken[] {
  if (value === undefined || value === null) return [];
  const field = "tokenizer.json added_tokens";
  if (!Array.isArray(value)) throw new InvalidConfigError(field, `must be a list, got ${show(value)}`);
  const ids = new Set<number>();
  const contents = new Set<string>();
  return value.map((entry, index) => {
    const token = requireObject(entry, `${field}[${index}]`);
    const id = requireId(token.id, `${field}[${index}].id`);
    const content = token.content;
    if (typeof content !== "string" || content === "") {
      throw new InvalidConfigError(`${field}[${index}].content`, `must be a text, got ${show(content)}`);
    }
    if (ids.has(id) || contents.has(content)) {
      throw new InvalidConfigError(`${field}[${index}]`, `${show(content)} or its id ${id} occurs twice`);
    }
    const other = vocabulary.get(content);
    if (other !== undefined && other !== id) {
      throw new InvalidConfigError(
        `${field}[${index}]`,
        `${show(content)} has the id ${id} here and ${other} in model.vocab`,
      );
    }
    ids.add(id);
    contents.add(content);
    const flag = (name: string): boolean => {
      const flagged = token[name] ?? false;
      if (typeof flagged === "boolean") return flagged;
      throw new InvalidConfigError(`${field}[${index}].${name}`, `must be true or false, got ${show(flagged)}`);
    };
    if (flag("single_word")) {
      throw new UnsupportedError(`${field}[${index}]: single_word is not supported (token ${show(content)})`);
    }
    return { id, content, lstrip: flag("lstrip"), rstrip: flag("rstrip"), special: flag("special"), json: token };
  });
}

function requireId(value: unknown, field: string): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 0 && value <= LARGEST_ID) return value;
  throw new InvalidConfigError(field, `must be a token id from 0 to ${LARGEST_ID}, got ${show(value)}`);
}

function requireObject(value: unknown, field: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new InvalidConfigError(field, `must be an object, got ${show(value)}; is the file a Hugging Face one?`);
}
