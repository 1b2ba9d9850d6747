/**
 * The longest and the shortest end of the text that is looked for, in tokens. Longer ends tell better what follows: four tokens of a document
 * seldom stand in it twice by chance, so that more would find the same places. One token alone stands everywhere and tells next to nothing.
 */
const longest = 4;
const shortest = 2;
/** The chance of being right from which a guess is worth its row: a row beside others costs about so much of a step of its own. */
const leastChance = 1 / 4;
/** How much of what is believed the latest guess makes up: a quotation is trusted after a few tokens, and given up about as fast. */
const newsWeight = 1 / 8;

/**
 * Guesses what follows from what stood in the text before: an answer about a document quotes it, and edited text repeats most of what it was.
 *
 * The end of the text, {@link longest} down to {@link shortest} tokens of it, is looked for in the text before; of several places the last one
 * counts, since what was said last is most likely to be gone on with. A place whose tokens come true is followed on.
 *
 * The number of guesses follows their luck. At every token, the one that the place has is compared with the one that came, whether it was
 * computed as a guess or not; so it costs nothing to see that guessing is worthless, and to see when a quotation begins. The share of those that
 * were right is kept for each length of the match, the latest ones weighing most. A guess after one that is right has a match that is longer by
 * one; guesses are made as long as the chance that all of them are right is at least {@link leastChance}.
 *
 * A token costs a bounded number of reads and map entries, however long the text is and whatever stands in it.
 *
 * @see https://github.com/apoorvumang/prompt-lookup-decoding
 */
export class PromptLookup {
  readonly #text: readonly number[];
  /** Hashes of runs of tokens, to the index of the token after the last of each. */
  readonly #places = new Map<number, number>();
  /** Share of right guesses, by the length of the match. */
  readonly #luck = new Float64Array(longest + 1).fill(1 / 2);
  /** Tokens of the text that were taken in. */
  #length = 0;
  /** Index of the token that is expected next; undefined where the end of the text is new. */
  #place: number | undefined;
  /** How many tokens before that place are those at the end of the text, as far as they are known. */
  #matched = 0;

  /** @param text - the tokens so far; it may only grow, and is read again at every {@link guess} */
  constructor(text: readonly number[]) {
    this.#text = text;
    while (this.#length < text.length) this.#record();
    this.#find();
  }

  /** @returns at most `most` tokens that may follow the text as it is now; often none */
  guess(most: number): number[] {
    while (this.#length < this.#text.length) this.#judge();
    const guesses: number[] = [];
    if (this.#place === undefined) return guesses;
    let chance = 1;
    while (guesses.length < most) {
      chance *= this.#luck[Math.min(this.#matched + guesses.length, longest)]!;
      if (chance < leastChance) break;
      const index = this.#place + guesses.length;
      // Where the place reaches the end of the text, the text repeats itself, and goes on with what was guessed.
      guesses.push(index < this.#length ? this.#text[index]! : guesses[index - this.#length]!);
    }
    return guesses;
  }

  /** Takes the next token in, and learns from it. */
  #judge(): void {
    const place = this.#place;
    if (place === undefined) {
      this.#record();
      this.#find();
      return;
    }
    const isRight = this.#text[place] === this.#text[this.#length];
    const length = Math.min(this.#matched, longest);
    this.#luck[length]! += newsWeight * (Number(isRight) - this.#luck[length]!);
    this.#record();
    if (isRight) {
      this.#place = place + 1;
      this.#matched++;
    } else {
      this.#find();
    }
  }

  /** Takes the next token in: it is what follows the runs that end before it. */
  #record(): void {
    let hash = 0;
    for (let count = 1; count <= Math.min(longest, this.#length); count++) {
      hash = addToHash(hash, this.#text[this.#length - count]!);
      if (count >= shortest) this.#places.set(hash, this.#length);
    }
    this.#length++;
  }

  /** Looks for the end of the text in what stands before. */
  #find(): void {
    this.#place = undefined;
    let hash = 0;
    for (let count = 1; count <= Math.min(longest, this.#length); count++) {
      hash = addToHash(hash, this.#text[this.#length - count]!);
      const place = count >= shortest ? this.#places.get(hash) : undefined;
      if (place === undefined || !this.#endsAlike(place, count)) continue;
      this.#place = place;
      this.#matched = count;
    }
  }

  /** Different runs may have the same hash. */
  #endsAlike(place: number, count: number): boolean {
    for (let back = 1; back <= count; back++) {
      if (this.#text[place - back] !== this.#text[this.#length - back]) return false;
    }
    return true;
  }
}

/** Integers of 31 bits and less are the keys that a map is fastest with. */
function addToHash(hash: number, token: number): number {
  const mixed = Math.imul(hash ^ (token + 1), 0x9e3779b1);
  return (mixed ^ (mixed >>> 15)) | 0;
}
