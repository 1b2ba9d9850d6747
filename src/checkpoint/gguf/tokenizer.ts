import { InvalidConfigError, UnsupportedError } from "../../errors.ts";
import type { GgufValue } from "./header.ts";
import { sentencePieceParts } from "./sentencepiece.ts";
import { type SpecialToken, specialTokenOf } from "./special-tokens.ts";

/** A tokenizer as the files of a checkpoint would have it. */
export interface GgufTokenizer {
  /** `tokenizer.json` */
  readonly tokenizer: Readonly<Record<string, unknown>>;
  /** `tokenizer_config.json` */
  readonly config: Readonly<Record<string, unknown>>;
}

/** How text is split before bytes are merged, by llama.cpp's names. */
export interface PreTokenizer {
  readonly pattern: string;
  /** Whether the model's own tokenizer composes characters first. */
  readonly composes: boolean;
  /** Whether a word that is a token is taken as it is, however its merges go. */
  readonly ignoresMerges: boolean;
}

/** @param digits - how many may stand together */
const words = (digits: string): string =>
  `(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}${digits}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

const qwen2: PreTokenizer = { pattern: words(""), composes: true, ignoresMerges: false };

/**
 * Of two names for the same way the first is written.
 *
 * @see llama.cpp `src/llama-vocab.cpp`
 */
export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map([
  ["qwen2", qwen2],
  ["llama-bpe", { pattern: words("{1,3}"), composes: false, ignoresMerges: true }],
  // Of DeepSeek's distilled Qwens, whose tokenizer differs from Qwen's in control tokens alone.
  ["deepseek-r1-qwen", qwen2],
]);

/** llama.cpp's types of tokens. */
export const tokenTypes = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;
const { unknown, control, userDefined } = tokenTypes;

/**
 * Makes the tokenizer's files from a GGUF file's metadata.
 *
 * @throws InvalidConfigError naming the key at fault; UnsupportedError for a kind of tokenizer, or of splitting text, that Skein does not have: a guess would make
 * other tokens than the model knows
 */
export function tokenizerOfGguf(metadata: ReadonlyMap<string, GgufValue>): GgufTokenizer {
  const kind = textOf(metadata, "tokenizer.ggml.model");
  const makeParts = kinds.get(kind);
  if (!makeParts)
    throw unsupported("tokenizer.ggml.model", kind, "gpt2 (byte-pair encoding of bytes) and llama (SentencePiece)");
  const tokens = listOf(metadata, "tokenizer.ggml.tokens", "string") as readonly string[];
  // llama.cpp, too, takes tokens for ordinary ones where the file does not say what they are.
  const types = metadata.has("tokenizer.ggml.token_type")
    ? numbersOf(metadata, "tokenizer.ggml.token_type", tokens.length)
    : tokens.map(() => tokenTypes.normal);
  const isControl = (id: number): boolean => types[id] === control || types[id] === unknown;
  const isAdded = (id: number): boolean => isControl(id) || types[id] === userDefined;
  const added = tokens.flatMap((content, id) => {
    if (!isAdded(id)) return [];
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return [{ id, content, special: isControl(id), ...flags }];
  });
  const vocab = Object.fromEntries(tokens.flatMap((token, id) => (isAdded(id) ? [] : [[token, id] as const])));
  return {
    tokenizer: {
      version: "1.0",
      added_tokens: added,
      post_processor: surroundingsOf(metadata, tokens),
      ...makeParts(metadata, { tokens, types, vocab }),
    },
    config: {
      chat_template: templatesOf(metadata),
      ...tokenOf(metadata, tokens, "eos"),
      ...tokenOf(metadata, tokens, "bos"),
      ...tokenOf(metadata, tokens, "padding"),
      ...tokenOf(metadata, tokens, "unknown"),
      added_tokens_decoder: Object.fromEntries(added.map(({ id, content, special }) => [id, { content, special }])),
    },
  };
}

interface Vocabulary {
  readonly tokens: readonly string[];
  readonly types: readonly number[];
  /** Without added tokens. */
  readonly vocab: Readonly<Record<string, number>>;
}

/** The parts of a `tokenizer.json` that depend on the kind of tokenizer, by llama.cpp's names of these. */
const kinds: ReadonlyMap<string, (metadata: ReadonlyMap<string, GgufValue>, own: Vocabulary) => object> = new Map([
  ["gpt2", byteLevelParts],
  ["llama", scoredParts],
]);

function byteLevelParts(metadata: ReadonlyMap<string, GgufValue>, { vocab }: Vocabulary): object {
  const pre = textOf(metadata, "tokenizer.ggml.pre");
  const split = preTokenizers.get(pre);
  if (!split) throw unsupported("tokenizer.ggml.pre", pre, [...preTokenizers.keys()].join(", "));
  const merges = listOf(metadata, "tokenizer.ggml.merges", "string");
  return {
    normalizer: split.composes ? { type: "NFC" } : null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: split.pattern }, behavior: "Isolated", invert: false },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
    model: { type: "BPE", vocab, merges, ignore_merges: split.ignoresMerges },
  };
}

function scoredParts(metadata: ReadonlyMap<string, GgufValue>, { tokens, types, vocab }: Vocabulary): object {
  const scores = numbersOf(metadata, "tokenizer.ggml.scores", tokens.length);
  const isJoined = (id: number): boolean => types[id] === tokenTypes.normal || types[id] === tokenTypes.unused;
  const pieces = new Map(tokens.flatMap((token, id) => (isJoined(id) ? [[token, scores[id]!] as const] : [])));
  return sentencePieceParts(pieces, vocab, { addsSpace: flagOf(metadata, "tokenizer.ggml.add_space_prefix", true) });
}

/** @returns the control tokens and their ids; none where the file does not say what its tokens are */
export function controlTokensOf(metadata: ReadonlyMap<string, GgufValue>): ReadonlyMap<string, number> {
  const [tokens, types] = [metadata.get("tokenizer.ggml.tokens"), metadata.get("tokenizer.ggml.token_type")];
  const found = new Map<string, number>();
  if (!Array.isArray(tokens) || !Array.isArray(types)) return found;
  for (const [id, token] of tokens.entries()) if (types[id] === control) found.set(String(token), id);
  return found;
}

/** The tokens that every text begins and ends with. llama.cpp puts one before texts of these two kinds, unless the file says no. */
function surroundingsOf(metadata: ReadonlyMap<string, GgufValue>, tokens: readonly string[]): object | null {
  const begins = metadata.get("tokenizer.ggml.model") === "llama" || metadata.get("tokenizer.ggml.pre") === "llama-bpe";
  const asked = [
    ["bos", flagOf(metadata, "tokenizer.ggml.add_bos_token", begins)],
    ["eos", flagOf(metadata, "tokenizer.ggml.add_eos_token", false)],
  ] as const;
  const special_tokens: Record<string, object> = {};
  const [before, after] = asked.map(([role, isAsked]) => {
    if (!isAsked) return [];
    const id = idOf(metadata, role, tokens.length);
    if (id === undefined)
      throw new InvalidConfigError(`tokenizer.ggml.${role}_token_id`, "is missing, but texts are to have it");
    const token = tokens[id]!;
    special_tokens[token] = { id: token, ids: [id], tokens: [token] };
    return [{ SpecialToken: { id: token, type_id: 0 } }];
  });
  if (Object.keys(special_tokens).length === 0) return null;
  const [a, b] = ["A", "B"].map((id, type_id) => ({ Sequence: { id, type_id } }));
  return {
    type: "TemplateProcessing",
    single: [...before!, a, ...after!],
    pair: [...before!, a, ...after!, ...before!, b, ...after!],
    special_tokens,
  };
}

/** One template, or a list of named ones, as `tokenizer_config.json` has them; the file's unnamed one is the default. */
function templatesOf(metadata: ReadonlyMap<string, GgufValue>): unknown {
  const key = "tokenizer.chat_template";
  const named = [...metadata].flatMap(([name, template]) =>
    name.startsWith(`${key}.`) ? [{ name: name.slice(key.length + 1), template }] : [],
  );
  const template = metadata.get(key);
  if (named.length === 0) return template;
  return template === undefined ? named : [{ name: "default", template }, ...named];
}

const fieldNames = { bos: "bos_token", eos: "eos_token", padding: "pad_token", unknown: "unk_token" } as const;

/** A field of `tokenizer_config.json` such as `eos_token`. */
function tokenOf(metadata: ReadonlyMap<string, GgufValue>, tokens: readonly string[], role: SpecialToken): object {
  const id = idOf(metadata, role, tokens.length);
  return id === undefined ? {} : { [fieldNames[role]]: tokens[id] };
}

function idOf(metadata: ReadonlyMap<string, GgufValue>, role: SpecialToken, count: number): number | undefined {
  const id = specialTokenOf(metadata, role);
  if (id === undefined || (Number.isInteger(id) && id >= 0 && id < count)) return id;
  throw new InvalidConfigError(`tokenizer.ggml.${role}_token_id`, `must be one of the ${count} tokens`);
}

function flagOf(metadata: ReadonlyMap<string, GgufValue>, key: string, whenAbsent: boolean): boolean {
  const value = metadata.get(key) ?? whenAbsent;
  if (typeof value === "boolean") return value;
  throw new InvalidConfigError(key, "must be true or false");
}

function textOf(metadata: ReadonlyMap<string, GgufValue>, key: string): string {
  const value = metadata.get(key);
  if (typeof value === "string") return value;
  throw new InvalidConfigError(key, value === undefined ? "is missing in the GGUF file" : "must be a text");
}

function listOf(
  metadata: ReadonlyMap<string, GgufValue>,
  key: string,
  type: "string" | "number",
): readonly GgufValue[] {
  const value = metadata.get(key);
  if (Array.isArray(value) && value.every((entry) => typeof entry === type)) return value;
  throw new InvalidConfigError(key, value === undefined ? "is missing in the GGUF file" : `must be a list of ${type}s`);
}

/** A list with a number for each token. */
function numbersOf(metadata: ReadonlyMap<string, GgufValue>, key: string, count: number): readonly number[] {
  const list = listOf(metadata, key, "number") as readonly number[];
  if (list.length === count) return list;
  throw new InvalidConfigError(key, `has ${list.length} entries for ${count} tokens`);
}

function unsupported(key: string, value: string, known: string): UnsupportedError {
  return new UnsupportedError(`${key}: ${JSON.stringify(value.slice(0, 60))} is not supported; there is ${known}`);
}
