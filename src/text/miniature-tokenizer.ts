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
