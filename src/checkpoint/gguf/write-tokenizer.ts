import { InvalidConfigError, UnsupportedError } from "../../errors.ts";
import {
  readTokenizerConfig,
  readTokenizerFile,
  type TokenizerFile,
  tokenContent,
} from "../../text/tokenizer-files.ts";
import { CheckpointError } from "../errors.ts";
import { isRecord } from "../json-record.ts";
import { endTexts } from "./config.ts";
import { preTokenizers, tokenTypes } from "./tokenizer.ts";
import type { TypedValue } from "./write-header.ts";
import { isSentencePiece, metadataOfSentencePiece, type TokenList } from "./write-sentencepiece.ts";

/** A checkpoint's files about text, parsed. */
export interface TokenizerSource {
  /** `tokenizer.json` */
  readonly tokenizer: unknown;
  /** `tokenizer_config.json`; undefined where there is none. */
  readonly config: unknown;
  /** `chat_template.jinja`; undefined where there is none. */
  readonly chatTemplate: string | undefined;
  /** Of the model: rows of the embeddings. */
  readonly vocabularySize: number;
  /** Tokens that end an answer. */
  readonly endTokens: readonly number[];
  /** The first token of texts as `config.json` has it. */
  readonly beginningToken: number | null;
}

/**
 * A tokenizer as the metadata of a GGUF file: the way back from `tokenizerOfGguf`.
 *
 * @throws UnsupportedError for what such a file cannot say: llama.cpp would make other tokens than the model knows; InvalidConfigError naming the field at fault
 */
export function metadataOfTokenizer(source: TokenizerSource): Record<string, TypedValue> {
  const file = readTokenizerFile(source.tokenizer);
  const config = readTokenizerConfig(source.config);
  const list = listTokens(file, source.vocabularySize);
  const { tokens } = list;
  const idOf = (field: string, declared: unknown = config[field]): number | undefined => {
    const content = tokenContent(declared);
    const id = content === undefined ? -1 : tokens.indexOf(content);
    return id === -1 ? undefined : id;
  };
  const beginning = beginningOf(file.json.post_processor);
  const bos = beginning ?? idOf("bos_token") ?? source.beginningToken ?? undefined;
  const eos = idOf("eos_token") ?? source.endTokens[0];
  const { unk_token } = file.json.model as Readonly<Record<string, unknown>>;
  const unknown = idOf("unk_token", unk_token ?? config.unk_token);
  return {
    ...(isSentencePiece(file) ? metadataOfSentencePiece(file, list, unknown) : metadataOfBytePairs(file, list)),
    ...tokenKey("bos", bos),
    ...endKeys(eos, source.endTokens, tokens),
    ...tokenKey("padding", idOf("pad_token")),
    "tokenizer.ggml.add_bos_token": { type: "bool", value: beginning !== undefined },
    ...templatesOf(source.chatTemplate, config.chat_template),
  };
}

function metadataOfBytePairs(file: TokenizerFile, { tokens, types }: TokenList): Record<string, TypedValue> {
  return {
    "tokenizer.ggml.model": { type: "string", value: "gpt2" },
    "tokenizer.ggml.pre": { type: "string", value: preTokenizerOf(file) },
    "tokenizer.ggml.tokens": { type: "strings", value: tokens },
    "tokenizer.ggml.token_type": { type: "int32s", value: types },
    "tokenizer.ggml.merges": { type: "strings", value: mergesOf(file) },
  };
}

/** Every row of the embeddings has a token; those that no text becomes are named by their numbers, as llama.cpp's converter does. */
function listTokens({ vocabulary, addedTokens, vocabularySize }: TokenizerFile, rows: number): TokenList {
  if (vocabularySize > rows)
    throw new CheckpointError(
      "invalid_checkpoint",
      `tokenizer.json has tokens up to ${vocabularySize - 1}, but the model's embeddings have ${rows} rows; are both files of this model?`,
    );
  const padding = (id: number): string => `[PAD${id}]`;
  const tokens = Array.from({ length: rows }, (_, id) => padding(id));
  const types = Array.from({ length: rows }, (): number => tokenTypes.unused);
  for (const [token, id] of vocabulary) {
    tokens[id] = token;
    // In what was read from a GGUF file they are tokens.
    types[id] = token === padding(id) ? tokenTypes.unused : tokenTypes.normal;
  }
  for (const { id, content, special, lstrip, rstrip } of addedTokens) {
    if (lstrip || rstrip)
      throw new UnsupportedError(
        `tokenizer.json: the token ${JSON.stringify(content)} takes white space beside it, which a GGUF file cannot say`,
      );
    tokens[id] = content;
    types[id] = special ? tokenTypes.control : tokenTypes.userDefined;
  }
  const seen = new Set<string>();
  for (const [id, token] of tokens.entries()) {
    if (seen.has(token))
      throw new InvalidConfigError("tokenizer.json", `has the token ${JSON.stringify(token)} twice, once as ${id}`);
    seen.add(token);
  }
  return { tokens, types };
}

/** @returns llama.cpp's name for the way in which text is split; found by what the file does, not by what the model is called */
function preTokenizerOf({ json }: TokenizerFile): string {
  const model = json.model as Readonly<Record<string, unknown>>;
  const composes = typeOf(json.normalizer) === "NFC";
  if (!composes && typeOf(json.normalizer) !== undefined)
    throw unknownSplit(`its normalizer is ${JSON.stringify(typeOf(json.normalizer))}`);
  const pattern = splitPattern(json.pre_tokenizer);
  for (const [name, known] of preTokenizers) {
    if (known.pattern !== pattern || known.composes !== composes) continue;
    if (known.ignoresMerges === ((model.ignore_merges ?? false) === true)) return name;
  }
  throw unknownSplit(
    pattern === undefined
      ? "it does not split text by one pattern and then into bytes"
      : `its pattern is ${JSON.stringify(pattern.slice(0, 200))}, ${composes ? "with" : "without"} NFC before it`,
  );
}

function unknownSplit(how: string): UnsupportedError {
  const known = [...preTokenizers.keys()].join(", ");
  return new UnsupportedError(
    `tokenizer.json: its way to split text has no name in GGUF that Skein knows (${known} have): ${how}`,
  );
}

/** The pattern of a splitter that consists of one pattern, each match a piece, and of turning bytes into letters. */
function splitPattern(preTokenizer: unknown): string | undefined {
  if (!isRecord(preTokenizer) || preTokenizer.type !== "Sequence" || !Array.isArray(preTokenizer.pretokenizers))
    return undefined;
  const [split, bytes, ...others] = preTokenizer.pretokenizers as readonly unknown[];
  const isPlain =
    others.length === 0 &&
    isRecord(split) &&
    split.type === "Split" &&
    split.behavior === "Isolated" &&
    split.invert !== true &&
    isRecord(bytes) &&
    bytes.type === "ByteLevel" &&
    bytes.add_prefix_space === false &&
    bytes.use_regex === false;
  if (!isPlain || !isRecord(split.pattern)) return undefined;
  const { Regex: pattern } = split.pattern;
  return typeof pattern === "string" ? pattern : undefined;
}

/** `"a b"`, also where the file has pairs. */
function mergesOf({ json }: TokenizerFile): readonly string[] {
  const { merges } = json.model as { readonly merges: readonly (string | readonly string[])[] };
  return merges.map((merge, index) => {
    if (typeof merge === "string") return merge;
    if (merge.every((part) => !part.includes(" "))) return merge.join(" ");
    throw new UnsupportedError(
      `tokenizer.json model.merges[${index}] has a space in a part, which a GGUF file cannot say`,
    );
  });
}

/** @returns the token that stands before every text; undefined where nothing is added */
function beginningOf(postProcessor: unknown): number | undefined {
  const parts = (isRecord(postProcessor) && postProcessor.type === "Sequence" && postProcessor.processors) || [
    postProcessor,
  ];
  const added = (Array.isArray(parts) ? parts : []).filter((part) => (typeOf(part) ?? "ByteLevel") !== "ByteLevel");
  if (added.length === 0) return undefined;
  const [template] = added as readonly Readonly<Record<string, unknown>>[];
  const single = added.length === 1 && template!.type === "TemplateProcessing" ? template!.single : undefined;
  const [first, second, ...rest] = Array.isArray(single) ? (single as readonly unknown[]) : [];
  const name = isRecord(first) && isRecord(first.SpecialToken) ? first.SpecialToken.id : undefined;
  const special = isRecord(template!.special_tokens) ? template!.special_tokens[String(name)] : undefined;
  const ids = isRecord(special) ? special.ids : undefined;
  const isBeginning = rest.length === 0 && isRecord(second) && isRecord(second.Sequence);
  if (isBeginning && Array.isArray(ids) && ids.length === 1 && Number.isInteger(ids[0])) return ids[0] as number;
  throw new UnsupportedError(
    "tokenizer.json post_processor: it adds more to a text than one token before it, which a GGUF file cannot say",
  );
}

/** The keys that name tokens which end an answer: the template's own first, then those that no reader knows by their texts. */
function endKeys(
  eos: number | undefined,
  endTokens: readonly number[],
  tokens: readonly string[],
): Record<string, TypedValue> {
  const others = endTokens.filter((id) => id !== eos && !endTexts.has(tokens[id] ?? ""));
  const [eot, eom, ...more] = others;
  if (more.length > 0)
    throw new UnsupportedError(
      `generation_config.json has the end tokens ${endTokens.join(", ")}, of which a GGUF file can name three`,
    );
  return { ...tokenKey("eos", eos), ...tokenKey("eot", eot), ...tokenKey("eom", eom) };
}

function tokenKey(name: string, id: number | undefined): Record<string, TypedValue> {
  return id === undefined ? {} : { [`tokenizer.ggml.${name}_token_id`]: { type: "uint32", value: id } };
}

/** One template, or named ones. @param declared - `chat_template` of `tokenizer_config.json` */
function templatesOf(file: string | undefined, declared: unknown): Record<string, TypedValue> {
  const key = "tokenizer.chat_template";
  const template = file ?? declared ?? undefined;
  if (template === undefined) return {};
  if (typeof template === "string") return { [key]: { type: "string", value: template } };
  const field = "tokenizer_config.json chat_template";
  if (!Array.isArray(template)) throw new InvalidConfigError(field, "must be a text or a list of { name, template }");
  const named = template.map((entry: unknown, index): readonly [string, TypedValue] => {
    if (!isRecord(entry) || typeof entry.name !== "string" || typeof entry.template !== "string")
      throw new InvalidConfigError(`${field}[${index}]`, "must be an object with the texts name and template");
    return [entry.name === "default" ? key : `${key}.${entry.name}`, { type: "string", value: entry.template }];
  });
  return Object.fromEntries(named);
}

function typeOf(value: unknown): string | undefined {
  return isRecord(value) && typeof value.type === "string" ? value.type : undefined;
}
