import { InvalidOptionError } from "../errors.ts";

/**
 * Marks control tokens in text, so that they can be told from the same letters written by someone else after both were
 * joined: each is enclosed in two characters that occur nowhere else.
 */
export interface ControlMarks {
  /** Encloses every control token of the text, the longest where several begin. */
  mark(text: string): string;
  /** The text without marks. */
  unmark(text: string): string;
  /** Cuts a text at the marked control tokens; texts and tokens alternate, and every text but the outer ones may be empty. */
  split(text: string): readonly { readonly content: string; readonly isControl: boolean }[];
  /** Whether a text holds the letters of a control token. */
  contains(text: string): boolean;
}

/**
 * @param contents - the control tokens
 * @param occupied - private-use code points that occur in any text that will be joined
 * @throws InvalidOptionError when hardly any of the 137,468 private-use code points are free.
 */
export function createControlMarks(contents: Iterable<string>, occupied: ReadonlySet<number>): ControlMarks {
  const [open, close] = freePrivateCharacters(occupied);
  const controlTokens = new Set(contents);
  const alternatives = [...controlTokens].sort((a, b) => b.length - a.length).map(escapeForRegExp);
  // Without control tokens: a pattern that matches nothing.
  const pattern = new RegExp(alternatives.length === 0 ? "(?!)" : alternatives.join("|"), "gu");
  const marked = new RegExp(`${open}([^${open}${close}]*)${close}`, "gu");
  const unmark = (text: string): string => text.replaceAll(open, "").replaceAll(close, "");

  return {
    mark: (text) => text.replace(pattern, (content) => open + content + close),
    unmark,
    split: (text) => {
      const pieces: { content: string; isControl: boolean }[] = [];
      let end = 0;
      for (const match of text.matchAll(marked)) {
        // A template can cut its own literals to pieces; what is left of a mark then is no control token.
        if (!controlTokens.has(match[1]!)) continue;
        pieces.push({ content: unmark(text.slice(end, match.index)), isControl: false });
        pieces.push({ content: match[1]!, isControl: true });
        end = match.index + match[0].length;
      }
      pieces.push({ content: unmark(text.slice(end)), isControl: false });
      return pieces;
    },
    contains: (text) => text.search(pattern) >= 0,
  };
}

function freePrivateCharacters(occupied: ReadonlySet<number>): [string, string] {
  const free: string[] = [];
  for (const [first, last] of PRIVATE_USE) {
    for (let code = first; code <= last; code++) {
      if (!occupied.has(code)) free.push(String.fromCodePoint(code));
      if (free.length === 2) return [free[0]!, free[1]!];
    }
  }
  throw new InvalidOptionError("messages", "use every private-use character of Unicode; at least two must be left");
}

const PRIVATE_USE: readonly (readonly [number, number])[] = [
  [0xe000, 0xf8ff],
  [0xf0000, 0xffffd],
  [0x100000, 0x10fffd],
];

function escapeForRegExp(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&");
}
