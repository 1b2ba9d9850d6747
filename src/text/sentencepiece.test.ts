import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { renderChat } from "./chat-template.ts";
import { createDetokenizer } from "./detokenizer.ts";
import { miniatureSentencePiece } from "./miniature-tokenizer.ts";
import { encodeChat } from "./test-encode-chat.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";

const metaspace = (prepend_scheme: string, split: boolean) =>
  createTokenizer(
    miniatureSentencePiece({
      normalizer: null,
      pre_tokenizer: { type: "Metaspace", replacement: "▁", prepend_scheme, split },
    }),
    {},
  );

/** Llama 2's form, that of newer Mistrals, and one that splits text into words. */
const legacy = createTokenizer(miniatureSentencePiece(), {});
const first = metaspace("first", false);
const words = metaspace("always", true);

// Expected ids and texts: Hugging Face's tokenizers 0.23 (Rust) on the same files.
describe.each<[string, Tokenizer, readonly [string, number[], string][]]>([
  [
    "a space before every piece of text",
    legacy,
    [
      ["abc abc", [1, 278, 278], "abc abc"],
      ["  a", [1, 275, 276], "  a"],
      ["[X] a[X]a", [1, 284, 275, 260, 284, 276], " a a"],
      ["é 你", [1, 259, 274, 259, 231, 192, 163], "é 你"],
      ["</s>a", [1, 2, 276], "a"],
      ["aaaaa    a", [1, 276, 282, 283, 260], "aaaaa    a"],
      ["", [1], ""],
      [" [X]", [1, 275, 284], " "],
    ],
  ],
  [
    "a space before the first piece",
    first,
    [
      ["abc abc", [1, 278, 278], "abc abc"],
      ["  a", [1, 275, 260], " a"],
      ["[X] a[X]a", [1, 284, 276, 284, 260], "aa"],
      ["é 你", [1, 259, 274, 259, 231, 192, 163], "é 你"],
      ["</s>a", [1, 2, 260], "a"],
      ["aaaaa    a", [1, 276, 282, 283, 260], "aaaaa    a"],
      [" [X]", [1, 259, 284], ""],
    ],
  ],
  [
    "text split into words",
    words,
    [
      ["  a", [1, 259, 276], " a"],
      ["[X] a[X]a", [1, 284, 276, 284, 276], "a a"],
      ["aaaaa    a", [1, 276, 282, 259, 259, 259, 276], "aaaaa    a"],
    ],
  ],
])("the reference's ids and texts: %s", (_, tokenizer, cases) => {
  test.each([...cases])("%j", (text, ids, decoded) => {
    expect([...tokenizer.encode(text)]).toEqual(ids);
    expect([...tokenizer.encode(text, { addSpecialTokens: false })]).toEqual(ids.slice(1));
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe(decoded);
  });
});

test("bytes become characters, and only a text's own first space is not part of it", () => {
  expect(legacy.decode([1, 3 + 0xe4, 3 + 0xbd, 3 + 0xa0, 260, 2], { skipSpecialTokens: true })).toBe("你a");
  expect(legacy.decode([1, 260, 1, 259, 260])).toBe("<s>a<s> a");
  expect(legacy.decode([3 + 0xe4, 260])).toBe("\ufffda");
  expect(legacy.decode([259])).toBe("");
});

test("any tokens in pieces are the text decoded at once; a continuation keeps its first space", () => {
  const token = fc.nat(legacy.vocabularySize - 1);
  fc.assert(
    fc.property(fc.array(token, { maxLength: 12 }), fc.boolean(), (tokens, skipSpecialTokens) => {
      const detokenizer = createDetokenizer(legacy.tokenTable(), { skipSpecialTokens });
      for (let round = 0; round < 2; round++) {
        const text = tokens.map((id) => detokenizer.push(id)).join("") + detokenizer.flush();
        expect(text).toBe(legacy.decode(tokens, { skipSpecialTokens }));
      }
    }),
  );
  const continuing = createDetokenizer(legacy.tokenTable(), { continues: true });
  expect([276, 275, 260].map((id) => continuing.push(id)).join("") + continuing.flush()).toBe(" a  a");
});

test("control tokens are letters on request, whether or not the model could spell them", () => {
  for (const tokenizer of [legacy, first, words]) {
    const ids = tokenizer.encode("a</s>[X]", { specialTokens: false });
    expect(ids.some((id, i) => i > 0 && [...tokenizer.controlTokens.values()].includes(id))).toBe(false);
    expect(tokenizer.decode(ids, { skipSpecialTokens: true })).toBe("a</s>[X]");
  }
});

test("what goes on from other text has no space before it, and is no beginning", () => {
  for (const tokenizer of [legacy, first, words]) {
    expect([...tokenizer.encode("abc", { place: "middle", addSpecialTokens: false })]).toEqual([260, 277]);
  }
});

describe("a conversation has one beginning, and the reference's spaces behind control tokens", () => {
  const template =
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '[X]' + m.content + '[X]' }}{% else %}{{ m.content + eos_token }}{% endif %}{% endfor %}";
  const messages = [
    { role: "user", content: "a b" },
    { role: "assistant", content: "abc" },
    { role: "user", content: " abc</s>" },
  ] as const;
  const options = { template, messages, specialTokenStrings: { bos_token: "<s>", eos_token: "</s>" } };

  test.each<[string, Tokenizer]>([
    ["before every piece", legacy],
    ["before the first", first],
    ["words", words],
  ])("%s", (_, tokenizer) => {
    const plain = { ...options, messages: messages.slice(0, 2) };
    // As transformers' apply_chat_template: the text, encoded without the post-processor's tokens.
    const expected = [...tokenizer.encode(renderChat(plain), { addSpecialTokens: false })];
    expect([...encodeChat(tokenizer, plain)]).toEqual(expected);
    expect(expected.filter((id) => id === 1)).toEqual([1]);
    // What a user types stays letters.
    expect([...encodeChat(tokenizer, options)].filter((id) => id === 2)).toEqual([2]);
  });
});

test.each<[string, Record<string, unknown>, RegExp]>([
  [
    "no Replace",
    { decoder: { type: "Sequence", decoders: [{ type: "ByteFallback" }, { type: "Fuse" }] } },
    /Sequence of ByteFallback, Fuse/,
  ],
  ["a Sequence of nothing", { decoder: { type: "Sequence" } }, /decoder of type "Sequence of "/],
])("another decoder is refused: %s", (_, changes, message) => {
  expect(() => createTokenizer(miniatureSentencePiece(changes), {})).toThrow(message);
});

test("a vocabulary without the bytes is refused, since not every text could be encoded", () => {
  const { model } = miniatureSentencePiece() as { model: { vocab: Record<string, number> } };
  const { "<0x0A>": _, ...vocab } = model.vocab;
  const json = miniatureSentencePiece({ model: { ...model, vocab } });
  expect(() => createTokenizer(json, {})).toThrow(/lacks "<0x0A>", the token of the byte 10/);
  const without = miniatureSentencePiece({ model: { ...model, byte_fallback: false } });
  expect(() => createTokenizer(without, {})).toThrow(/byte_fallback/);
});
