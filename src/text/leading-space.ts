/**
 * Where a piece of text stands: at the beginning of everything, behind a control token, or in the middle of other text. SentencePiece tokenizers put a
 * space before a text at its beginning; some do behind control tokens as well.
 */
export type TextPlace = "beginning" | "behind-control" | "middle";

/** The parts of a `tokenizer.json` that make that space. */
export interface SpaceMakers {
  readonly normalizer: unknown;
  readonly pre_tokenizer: unknown;
}

/**
 * The parts as they are to be for text at a place; the same object where nothing differs.
 *
 * @see tokenizers `normalizers/prepend.rs` (before every piece), `pre_tokenizers/metaspace.rs` (as its `prepend_scheme` says)
 */
export function spaceMakersAt(parts: SpaceMakers, place: TextPlace): SpaceMakers {
  if (place === "beginning") return parts;
  const change = (part: Part): Part | null => {
    if (part.type === "Prepend") return place === "middle" ? null : part;
    if (part.type !== "Metaspace" || part.prepend_scheme === "never") return part;
    return place === "middle" || part.prepend_scheme === "first" ? { ...part, prepend_scheme: "never" } : part;
  };
  const normalizer = changeParts(parts.normalizer, "normalizers", change);
  const pre_tokenizer = changeParts(parts.pre_tokenizer, "pretokenizers", change);
  const isSame = normalizer === parts.normalizer && pre_tokenizer === parts.pre_tokenizer;
  return isSame ? parts : { normalizer, pre_tokenizer };
}

/**
 * Splitters as the reference has them. At the spaces that `Metaspace` marks the library does not split, which the reference does unless `split` is false; its
 * `Digits` are ASCII's: here, both are parts of their own. Of what is done with what is found it knows `Isolated` and `Removed`, and takes marks of
 * punctuation that stand together for one: other splitters get a name that it refuses.
 *
 * @see tokenizers `pre_tokenizers/digits.rs` (any numeric character)
 */
export function toReferenceSplitters(preTokenizer: unknown): unknown {
  return changeParts(preTokenizer, "pretokenizers", (part) => {
    const { type, behavior = "Isolated" } = part;
    if (
      type === "Split"
        ? behavior !== "Isolated" && behavior !== "Removed"
        : type === "Punctuation" && behavior !== "Contiguous"
    )
      return { type: `${type} of this behavior` };
    // Isolated pieces all stay, whichever are found; with `invert` the library leaves the others out. With `invert: false` it keeps a `String` that is removed.
    if (type === "Split") return { ...part, invert: (behavior === "Removed" && part.invert) || undefined };
    if (type === "Digits") return isolated(`\\p{N}${part.individual_digits ? "" : "+"}`);
    if (type !== "Metaspace" || part.split === false) return part;
    const split = isolated("\u2581[^\u2581]*|[^\u2581]+");
    return { type: "Sequence", pretokenizers: [{ ...part, split: false }, split] };
  });
}

function isolated(Regex: string): Part {
  return { type: "Split", pattern: { Regex }, behavior: "Isolated", invert: false };
}

type Part = Readonly<Record<string, unknown>>;

/** Applies a change to a part, or to all of a sequence. */
function changeParts(value: unknown, list: string, change: (part: Part) => Part | null): unknown {
  if (typeof value !== "object" || value === null) return value;
  const part = value as Part;
  const children = part[list];
  if (part.type !== "Sequence" || !Array.isArray(children)) return change(part);
  const changed = children.map((child) => changeParts(child, list, change));
  if (changed.every((child, i) => child === children[i])) return value;
  return { ...part, [list]: changed.filter((child) => child !== null) };
}
