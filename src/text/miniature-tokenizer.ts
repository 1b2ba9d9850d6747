import { byteToken } from "./byte-alphabet.ts";

/**
 * A `tokenizer.json` small enough to see through, for tests: the 256 bytes with their values as ids, then the merged
 * tokens, then the added ones. Text is split before spaces.
 *
 * @param merges - pairs in byte-level spelling, in the order of their ranks: `["a b", "ab c"]`
 * @param addedTokens - entries of `added_tokens` without their ids
 * @param changes - further or other fields of the file
 */
export function miniatureTokenizer(
  merges: readonly string[] = [],
  addedTokens: readonly Readonly<Record<string, unknown>>[] = [],
  changes: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const vocab: Record<string, number> = {};
  for (let byte = 0; byte < 256; byte++) vocab[byteToken(byte)] = byte;
  for (const [rank, merge] of merges.entries()) vocab[merge.replace(" ", "")] = 256 + rank;
  const first = 256 + merges.length;
  const split = { type: "Split", pattern: { Regex: " ?[^ ]+| " }, behavior: "Isolated", invert: false };
  const byteLevel = { type: "ByteLevel", add_prefix_space: false, trim_offsets: false, use_regex: false };
  return {
    version: "1.0",
    added_tokens: addedTokens.map((token, index) => ({ id: first + index, ...token })),
    normalizer: null,
    pre_tokenizer: { type: "Sequence", pretokenizers: [split, byteLevel] },
    post_processor: null,
    decoder: { type: "ByteLevel" },
    model: { type: "BPE", vocab, merges: [...merges] },
    ...changes,
  };
}

/**
 * A `tokenizer.json` as SentencePiece's are converted to, likewise: three control tokens, the 256 bytes from id 3 on, then letters, then merged tokens, then `[X]`,
 * a control token more.
 *
 * @param changes - further or other fields of the file
 */
export function miniatureSentencePiece(changes: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  const control = ["<unk>", "<s>", "</s>"];
  const bytes = Array.from({ length: 256 }, (_, byte) => `<0x${byte.toString(16).toUpperCase().padStart(2, "0")}>`);
  const merges = ["▁ ▁", "▁ a", "b c", "▁a bc", "a b", "▁ [", "a a", "aa aa", "▁▁ ▁▁"];
  const tokens = [...control, ...bytes, ..."▁abcdefg[]X<s/>é", ...merges.map((merge) => merge.replace(" ", ""))];
  const flags = { single_word: false, lstrip: false, rstrip: false, normalized: false, special: true };
  const added = control.map((content, id) => ({ id, content, ...flags }));
  const begin = { SpecialToken: { id: "<s>", type_id: 0 } };
  return {
    version: "1.0",
    added_tokens: [...added, { id: tokens.length, content: "[X]", ...flags }],
    normalizer: {
      type: "Sequence",
      normalizers: [
        { type: "Prepend", prepend: "▁" },
        { type: "Replace", pattern: { String: " " }, content: "▁" },
      ],
    },
    pre_tokenizer: null,
    post_processor: {
      type: "TemplateProcessing",
      single: [begin, { Sequence: { id: "A", type_id: 0 } }],
      pair: [begin, { Sequence: { id: "A", type_id: 0 } }, { Sequence: { id: "B", type_id: 0 } }],
      special_tokens: { "<s>": { id: "<s>", ids: [1], tokens: ["<s>"] } },
    },
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: "▁" }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        { type: "Strip", content: " ", start: 1, stop: 0 },
      ],
    },
    model: {
      type: "BPE",
      unk_token: "<unk>",
      fuse_unk: true,
      byte_fallback: true,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges,
    },
    ...changes,
  };
}
