import { InvalidConfigError, UnsupportedError } from "../../errors.ts";
import type { GgufValue } from "./header.ts";

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

/** @see llama.cpp `src/llama-vocab.cpp` */
export const preTokenizers: ReadonlyMap<string, PreTokenizer> = new Map([
  ["qwen2", { pattern: words(""), composes: true, ignoresMerges: false }],
  ["llama-bpe", { pattern: words("{1,3}"), composes: false, ignoresMerges: true }],
]);

/** llama.cpp's types of tokens. */
export const tokenTypes = { normal: 1, control: 3, userDefined: 4, unused: 5 } as const;
const { control, userDefined } = tokenTypes;

/**
 * Makes the tokenizer's files from a GGUF file's metadata.
 *
 * @throws InvalidConfigError naming the key at fault; UnsupportedError for a kind of tokenizer, or of splitting text, that Skein does not have: a guess would make
 * other tokens than the model knows
 */
export function tokenizerOfGguf(metadata: ReadonlyMap<string, GgufValue>): GgufTokenizer {
  const model = textOf(metadata, "tokenizer.ggml.model");
  if (model !== "gpt2") throw unsupported("tokenizer.ggml.model", model, "gpt2 (byte-pair encoding of bytes)");
  const pre = textOf(metadata, "tokenizer.ggml.pre");
  const split = preTokenizers.get(pre);
  if (!split) throw unsupported("tokenizer.ggml.pre", pre, [...preTokenizers.keys()].join(", "));
  const tokens = listOf(metadata, "tokenizer.ggml.tokens", "string") as readonly string[];
  // llama.cpp, too, takes tokens for ordinary ones where the file does not say what they are.
  const types = metadata.has("tokenizer.ggml.token_type")
    ? (listOf(metadata, "tokenizer.ggml.token_type", "number") as readonly number[])
    : tokens.map(() => 1);
  const merges = listOf(metadata, "tokenizer.ggml.merges", "string") as readonly string[];
  if (types.length !== tokens.length)
    throw new InvalidConfigError(
      "tokenizer.ggml.token_type",
      `has ${types.length} entries for ${tokens.length} tokens`,
    );
  const isAdded = (id: number): boolean => types[id] === control || types[id] === userDefined;
  const added = tokens.flatMap((content, id) => {
    if (!isAdded(id)) return [];
    const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false };
    return [{ id, content, special: types[id] === control, ...flags }];
  });
  const vocab = Object.fromEntries(tokens.flatMap((token, id) => (isAdded(id) ? [] : [[token, id] as const])));
  return {
    tokenizer: {
      version: "1.0",
      added_tokens: added,
      normalizer: split.composes ? { type: "NFC" } : null,
      pre_tokenizer: {
        type: "Sequence",
        pretokenizers: [
          { type: "Split", pattern: { Regex: split.pattern }, behavior: "Isolated", invert: false },
          { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
        ],
      },
      post_processor: beginningOf(metadata, tokens),
      decoder: { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
      model: { type: "BPE", vocab, merges, ignore_merges: split.ignoresMerges },
    },
    config: {
      chat_template: templatesOf(metadata),
      ...tokenOf(metadata, tokens, "eos"),
      ...tokenOf(metadata, tokens, "bos"),
      ...tokenOf(metadata, tokens, "padding"),
      added_tokens_decoder: Object.fromEntries(added.map(({ id, content, special }) => [id, { content, special }])),
    },
  };
}

/** @returns the control tokens and their ids; none where the file does not say what its tokens are */
export function controlTokensOf(metadata: ReadonlyMap<string, GgufValue>): ReadonlyMap<string, number> {
  const [tokens, types] = [metadata.get("tokenizer.ggml.tokens"), metadata.get("tokenizer.ggml.token_type")];
  const found = new Map<string, number>();
  if (!Array.isArray(tokens) || !Array.isArray(types)) return found;
  for (const [id, token] of tokens.entries()) if (types[id] === control) found.set(String(token), id);
  return found;
}

/** The token that every text begins with, where the file asks for one. */
function beginningOf(metadata: ReadonlyMap<string, GgufValue>, tokens: readonly string[]): object | null {
  if (metadata.get("tokenizer.ggml.add_bos_token") !== true) return null;
  const id = idOf(metadata, "tokenizer.ggml.bos_token_id", tokens.length);
  if (id === undefined)
    throw new InvalidConfigError("tokenizer.ggml.bos_token_id", "is missing, but add_bos_token is set");
  const token = tokens[id]!;
  const special = { SpecialToken: { id: token, type_id: 0 } };
  return {
    type: "TemplateProcessing",
    single: [special, { Sequence: { id: "A", type_id: 0 } }],
    pair: [special, { Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 1 } }],
    special_tokens: { [token]: { id: token, ids: [id], tokens: [token] } },
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

/** A field of `tokenizer_config.json` such as `eos_token`. */
function tokenOf(metadata: ReadonlyMap<string, GgufValue>, tokens: readonly string[], name: string): object {
  const id = idOf(metadata, `tokenizer.ggml.${name}_token_id`, tokens.length);
  return id === undefined ? {} : { [`${name === "padding" ? "pad" : name}_token`]: tokens[id] };
}

function idOf(metadata: ReadonlyMap<string, GgufValue>, key: string, count: number): number | undefined {
  const id = metadata.get(key);
  if (id === undefined) return undefined;
  if (typeof id === "number" && Number.isInteger(id) && id >= 0 && id < count) return id;
  throw new InvalidConfigError(key, `must be one of the ${count} tokens`);
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

function unsupported(key: string, value: string, known: string): UnsupportedError {
  return new UnsupportedError(`${key}: ${JSON.stringify(value.slice(0, 60))} is not supported; there is ${known}`);
}
