import { InvalidOptionError } from "../errors.ts";
import type { TokenTable } from "./token-table.ts";

/** Turns tokens into text as they come. */
export interface Detokenizer {
  /** Takes one token and returns the text that is now certain; often none, never half a character. */
  push(token: number): string;
  /** Ends the text: returns what was held back (bytes that are no UTF-8 as U+FFFD) and starts anew. */
  flush(): string;
  /** What is certain and not returned yet, since the last character of it may go on. */
  readonly held: string;
}

// Far longer than any character of any script; only text made to annoy goes on stacking marks.
const LONGEST_CHARACTER = 256;

/**
 * A streaming detokenizer. All pieces together equal the text decoded at once, and no piece ends inside a character: not
 * inside a UTF-8 sequence, and not inside what readers see as one (a letter with its marks, a flag, an emoji of several
 * parts; extended grapheme clusters in Unicode's words). For that the last character is held back until the next one
 * begins. One exception keeps the memory bounded: a character that grows past 256 UTF-16 units is released in parts,
 * at code points.
 *
 * Ids that the tokenizer does not know have no text, as in the reference: a model's vocabulary is padded, and an
 * untrained model may choose from the padding.
 *
 * @param options.skipSpecialTokens - leave control tokens out of the text; default false
 * @param options.continues - the tokens go on from others: a space that they begin with is part of the text, though the tokenizer puts one before every text
 * (SentencePiece); default false
 * @throws InvalidOptionError from `push`, when a token is not a whole number of at least 0.
 * @see https://www.unicode.org/reports/tr29/#Grapheme_Cluster_Boundaries
 * @example
 * const detokenizer = createDetokenizer(table, { skipSpecialTokens: true });
 * for await (const token of tokens) process.stdout.write(detokenizer.push(token));
 * process.stdout.write(detokenizer.flush());
 */
export function createDetokenizer(
  table: TokenTable,
  options: { readonly skipSpecialTokens?: boolean | undefined; readonly continues?: boolean | undefined } = {},
): Detokenizer {
  const { bytes, offsets, control } = table;
  const skipSpecialTokens = options.skipSpecialTokens ?? false;
  const leadingSpaces = options.continues === true ? 0 : table.leadingSpaces;
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const segmenter = new Intl.Segmenter("und", { granularity: "grapheme" });
  // From the beginning of the last character on: what is before it has been released.
  let held = "";
  // How many spaces may still come that are not part of the text.
  let hidden = leadingSpaces;

  return {
    push: (token) => {
      if (!Number.isInteger(token) || token < 0) {
        throw new InvalidOptionError("token", `must be a whole number of at least 0, got ${token}`);
      }
      if (token >= control.length || (skipSpecialTokens && control[token] === 1)) return "";
      const to = offsets[token + 1]!;
      let start = offsets[token]!;
      for (; hidden > 0 && start < to && bytes[start] === SPACE; start++) hidden--;
      if (start < to) hidden = 0; // the text has begun
      const text = decoder.decode(bytes.subarray(start, to), { stream: true });
      if (text === "") return "";
      held += text;
      const end = lastCharacterStart(held, segmenter);
      const piece = held.slice(0, end);
      held = held.slice(end);
      return piece;
    },
    flush: () => {
      const rest = held + decoder.decode();
      held = "";
      hidden = leadingSpaces;
      return rest;
    },
    get held() {
      return held;
    },
  };
}

/** The index at which the last character of the text begins: what stands before it is final, whatever comes next. */
function lastCharacterStart(text: string, segmenter: Intl.Segmenter): number {
  const last = text.charCodeAt(text.length - 1);
  // Nothing joins what follows a line feed to it.
  if (last === LINE_FEED) return text.length;
  // Below U+0300 the only pair that belongs together is carriage return and line feed, and the latter was seen above.
  if (last < FIRST_MARK && text.length > 1 && text.charCodeAt(text.length - 2) < FIRST_MARK) return text.length - 1;
  const start = segmenter.segment(text).containing(text.length - 1)?.index ?? 0;
  return text.length - start > LONGEST_CHARACTER ? text.length : start;
}

const LINE_FEED = 0x0a;
const SPACE = 0x20;
const FIRST_MARK = 0x300;
