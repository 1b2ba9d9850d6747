/** A part of a text, to be scored. */
export interface Passage {
  readonly index: number;
  readonly tokens: Uint32Array;
}

/**
 * Passages of a text, each `step` tokens after the one before it; no more than `most`, and where there are more than that, spread over the text.
 *
 * @param options.length - of each, in tokens
 */
export function takePassages(
  tokens: Uint32Array,
  { length, step, most }: { readonly length: number; readonly step: number; readonly most: number },
): readonly Passage[] {
  const possible = Math.max(0, Math.floor((tokens.length - length) / step) + 1);
  const count = Math.min(most, possible);
  return Array.from({ length: count }, (_, index) => {
    const start = step * Math.floor((index * possible) / count);
    return { index, tokens: tokens.subarray(start, start + length) };
  });
}
