import { expect, test } from "vitest";
import { UnsupportedError } from "../../errors.ts";
import { miniatureSentencePiece } from "../../text/miniature-tokenizer.ts";
import { createTokenizer } from "../../text/tokenizer.ts";
import type { GgufValue } from "./header.ts";
import { tokenizerOfGguf } from "./tokenizer.ts";
import { metadataOfTokenizer } from "./write-tokenizer.ts";

type Json = Readonly<Record<string, unknown>>;

function metadataOf(tokenizer: Json, config: Json = {}): ReadonlyMap<string, GgufValue> {
  const others = { chatTemplate: undefined, vocabularySize: 320, endTokens: [2], beginningToken: 1 };
  const metadata = metadataOfTokenizer({ tokenizer, config, ...others });
  return new Map(Object.entries(metadata).map(([key, { value }]) => [key, value]));
}

/** The miniature with other merges. */
function withMerges(change: (merges: readonly string[]) => readonly string[]): Json {
  const made = miniatureSentencePiece();
  const model = made.model as { readonly merges: readonly string[] };
  return miniatureSentencePiece({ model: { ...model, merges: change(model.merges) } });
}

test("tokens have the types and scores that llama.cpp's converter gives them", () => {
  const metadata = metadataOf(miniatureSentencePiece());
  const [tokens, types, scores] = ["tokens", "token_type", "scores"].map((name) =>
    metadata.get(`tokenizer.ggml.${name}`),
  ) as [string[], number[], number[]];
  const of = (token: string): readonly (number | undefined)[] => {
    const id = tokens.indexOf(token);
    return [types[id], scores[id]];
  };
  expect(Object.fromEntries(metadata)).toMatchObject({
    "tokenizer.ggml.model": "llama",
    "tokenizer.ggml.pre": "default",
    "tokenizer.ggml.add_bos_token": true,
    "tokenizer.ggml.add_space_prefix": true,
    "tokenizer.ggml.bos_token_id": 1,
    "tokenizer.ggml.eos_token_id": 2,
    "tokenizer.ggml.unknown_token_id": 0,
  });
  expect(metadata.has("tokenizer.ggml.merges")).toBe(false);
  expect([of("<unk>"), of("<s>"), of("<0x0A>"), of("[X]")]).toEqual([
    [2, 0],
    [3, 0],
    [6, 0],
    [3, 0],
  ]);
  // In the order of the merges; characters, which nothing makes, come last.
  expect(["▁▁", "▁a", "bc", "▁abc", "▁▁▁▁"].map(of)).toEqual([0, -1, -2, -3, -8].map((score) => [1, score]));
  expect(of("▁")).toEqual([1, -9]);
});

test("the tokens of texts are the same again, and what is written of what was read", () => {
  const metadata = metadataOf(miniatureSentencePiece(), { unk_token: "<unk>" });
  const { tokenizer, config } = tokenizerOfGguf(metadata);
  const [own, back] = [createTokenizer(miniatureSentencePiece(), {}), createTokenizer(tokenizer, config)];
  for (const text of ["abc abc", "  a", "[X] a[X]a", "é 你", "aaaaa    a", "", " [X]", "</s>a<unk>"])
    expect([...back.encode(text)], text).toEqual([...own.encode(text)]);
  for (const key of ["tokens", "token_type", "scores", "unknown_token_id", "add_space_prefix"])
    expect(metadataOf(tokenizer, config).get(`tokenizer.ggml.${key}`), key).toEqual(
      metadata.get(`tokenizer.ggml.${key}`),
    );
});

test("no space before texts is said too", () => {
  const replace = { type: "Replace", pattern: { String: " " }, content: "▁" };
  const never = { type: "Metaspace", replacement: "▁", prepend_scheme: "never", split: false };
  for (const parts of [{ normalizer: replace }, { normalizer: null, pre_tokenizer: never }])
    expect(metadataOf(miniatureSentencePiece(parts)).get("tokenizer.ggml.add_space_prefix")).toBe(false);
});

const metaspace = { type: "Metaspace", replacement: "▁", prepend_scheme: "always" };

test.for<readonly [string, Json, RegExp]>([
  [
    "a merge is missing",
    withMerges((merges) => merges.filter((merge) => merge !== "a a")),
    /no merge makes "aa" of "a" and "a"/,
  ],
  [
    "merges of a token apart",
    withMerges((merges) => ["▁a bc", ...merges.slice(0, 3), "▁ab c", ...merges.slice(3)]),
    /"▁abc" .*together|no merge/,
  ],
  ["text is composed", miniatureSentencePiece({ normalizer: { type: "NFKC" } }), /normalizer and pre_tokenizer/],
  [
    "text is split into words",
    miniatureSentencePiece({ normalizer: null, pre_tokenizer: { ...metaspace, split: true } }),
    /pre_tokenizer/,
  ],
])("what scores cannot say is refused: %s", ([, tokenizer, message]) => {
  expect(() => metadataOf(tokenizer)).toThrow(UnsupportedError);
  expect(() => metadataOf(tokenizer)).toThrow(message);
});
