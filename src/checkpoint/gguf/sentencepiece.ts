import { InvalidConfigError } from "../../errors.ts";

/** More pairs than the merges of any vocabulary: a bound for what a damaged file can make Skein do. */
const mostMerges = 2 ** 23;

/** SentencePiece's mark for a space. */
export const spaceMark = "\u2581";

/** What a vocabulary of SentencePiece has beside its tokens. */
export interface SentencePieceOptions {
  /** Whether a space is put before every piece of text. */
  readonly addsSpace: boolean;
}

/**
 * The parts of a `tokenizer.json` for a vocabulary with scores. llama.cpp joins, of all neighbours that make a token, the two whose token has the best score, the
 * leftmost of equals. That is byte-pair encoding with merges ranked by the score of what they make; merges that make tokens of one score have one rank, which the
 * list of merges cannot say and `equal_ranks` does.
 *
 * @param pieces - the ordinary tokens, with their scores
 * @throws InvalidConfigError where there would be too many merges
 * @see llama.cpp `src/llama-vocab.cpp`, `llm_tokenizer_spm_session`
 */
export function sentencePieceParts(
  pieces: ReadonlyMap<string, number>,
  vocab: Readonly<Record<string, number>>,
  { addsSpace }: SentencePieceOptions,
): Readonly<Record<string, unknown>> {
  const { merges, ranks } = mergesOf(pieces);
  const strip = { type: "Strip", content: " ", start: 1, stop: 0 };
  return {
    normalizer: {
      type: "Sequence",
      normalizers: [
        ...(addsSpace ? [{ type: "Prepend", prepend: spaceMark }] : []),
        { type: "Replace", pattern: { String: " " }, content: spaceMark },
      ],
    },
    pre_tokenizer: null,
    decoder: {
      type: "Sequence",
      decoders: [
        { type: "Replace", pattern: { String: spaceMark }, content: " " },
        { type: "ByteFallback" },
        { type: "Fuse" },
        ...(addsSpace ? [strip] : []),
      ],
    },
    model: { type: "BPE", vocab, merges, byte_fallback: true, fuse_unk: true, equal_ranks: ranks },
  };
}

interface Merge {
  readonly pair: readonly [string, string];
  readonly score: number;
}

/** Every way to make a token of two: of tokens, or of characters, which stand for themselves until the end. The best score comes first. */
export function mergesOf(pieces: ReadonlyMap<string, number>): {
  readonly merges: readonly (readonly [string, string])[];
  readonly ranks: readonly number[];
} {
  const found: Merge[] = [];
  let cuts = 0;
  for (const [piece, score] of pieces) {
    const characters = Array.from(piece);
    cuts += characters.length * piece.length;
    if (cuts > 16 * mostMerges) throw tooMany();
    for (let cut = 1, at = 0; cut < characters.length; cut++) {
      at += characters[cut - 1]!.length;
      const [left, right] = [piece.slice(0, at), piece.slice(at)];
      if ((cut === 1 || pieces.has(left)) && (cut === characters.length - 1 || pieces.has(right)))
        found.push({ pair: [left, right], score });
    }
    if (found.length > mostMerges) throw tooMany();
  }
  found.sort((a, b) => b.score - a.score);
  const ranks: number[] = [];
  for (const [i, { score }] of found.entries()) ranks.push(i > 0 && found[i - 1]!.score === score ? ranks[i - 1]! : i);
  return { merges: found.map(({ pair }) => pair), ranks };
}

function tooMany(): InvalidConfigError {
  return new InvalidConfigError("tokenizer.ggml.tokens", "are too many, or too long, to be a vocabulary");
}
