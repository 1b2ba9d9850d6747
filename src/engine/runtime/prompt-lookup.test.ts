import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PromptLookup } from "./prompt-lookup.ts";

/** Few different tokens, so that the text repeats itself all the time. */
const texts = fc.array(fc.nat(3), { maxLength: 80 });

/** The index after the last earlier occurrence of the text's longest end of 4, 3 or 2 tokens. */
function expectedPlace(text: readonly number[]): number | undefined {
  for (const count of [4, 3, 2]) {
    for (let end = text.length - 1; end >= count; end--) {
      if (text.slice(end - count, end).join() === text.slice(-count).join()) return end;
    }
  }
  return undefined;
}

/** @returns the guesses made for each next token of `answer`, which comes token by token */
function follow(text: number[], answer: readonly number[], most: number): number[][] {
  const lookup = new PromptLookup(text);
  return answer.map((token) => {
    const guesses = lookup.guess(most);
    text.push(token);
    return guesses;
  });
}

describe("what is guessed", () => {
  test("goes on where the longest end of the text stood last, also past the end of what is known", () => {
    fc.assert(
      fc.property(texts, fc.integer({ min: 0, max: 5 }), (text, most) => {
        const guesses = new PromptLookup(text).guess(most);
        const place = expectedPlace(text);
        if (place === undefined) {
          expect(guesses).toEqual([]);
          return;
        }
        const repeated = [...text];
        for (let i = 0; i < 5; i++) repeated.push(repeated[place + i]!);
        expect(guesses).toEqual(repeated.slice(text.length, text.length + Math.min(most, 2))); // at first two are trusted
      }),
      { numRuns: 500 },
    );
  });

  test("depends on the text, not on how often it is asked for", () => {
    fc.assert(
      fc.property(texts, texts, fc.array(fc.boolean(), { minLength: 80, maxLength: 80 }), (text, answer, asked) => {
        const [often, seldom] = [[...text], [...text]];
        const [a, b] = [new PromptLookup(often), new PromptLookup(seldom)];
        for (const [index, token] of answer.entries()) {
          const guesses = a.guess(8);
          if (asked[index]) expect(b.guess(8)).toEqual(guesses);
          often.push(token);
          seldom.push(token);
        }
      }),
    );
  });

  test("always stood after the last two tokens before", () => {
    fc.assert(
      fc.property(texts, texts, (text, answer) => {
        const all = [...text, ...answer];
        for (const [index, [guess]] of follow(text, answer, 8).entries()) {
          if (guess === undefined) continue;
          const end = text.length - answer.length + index;
          const run = [all[end - 2], all[end - 1], guess].join();
          const before = all.slice(0, end).map((_, i) => all.slice(i, i + 3).join());
          expect(before.slice(0, end - 2)).toContain(run);
        }
      }),
    );
  });

  test("is nothing in a text that never repeats, however many tokens it has (hashes do collide)", () => {
    let token = 1;
    const next = (): number => {
      token = (Math.imul(token, 1664525) + 1013904223) >>> 0; // every number once
      return token;
    };
    const text = Array.from({ length: 50_000 }, next);
    expect(follow(text, Array.from({ length: 50_000 }, next), 8).flat()).toEqual([]);
  });

  test("is nothing for texts of no, one and two tokens", () => {
    for (const text of [[], [7], [7, 7]]) expect(new PromptLookup(text).guess(8)).toEqual([]);
    expect(new PromptLookup([7, 7, 7]).guess(8)).toEqual([7, 7]);
  });
});

describe("how many guesses are made", () => {
  const document = Array.from({ length: 400 }, (_, i) => 1000 + i);

  test("rises to the most within a quotation, and falls after it", () => {
    const text = [...document];
    const quoted = follow(text, document.slice(100, 160), 8).map(({ length }) => length);
    expect(quoted.slice(0, 2)).toEqual([0, 0]); // two tokens tell where it is from
    expect(quoted.slice(20)).toEqual(new Array(40).fill(8));
    const lookup = new PromptLookup(text);
    expect(lookup.guess(3)).toHaveLength(2);
    expect(lookup.guess(0)).toEqual([]);
  });

  test("is nearly none where guesses are always wrong, until they would have been right", () => {
    // Four tokens come again and again, and never is the fifth the same.
    const deceiving = Array.from({ length: 1000 }, (_, i) => (i % 5 === 4 ? 5000 + i : i % 5));
    const text = [...document];
    const guesses = follow(text, [...deceiving, ...document.slice(50, 90)], 8);
    const wrong = guesses
      .slice(0, 1000)
      .flatMap((made, index) => made.filter((guess, i) => guess !== text[400 + index + i]));
    expect(wrong.length).toBeLessThan(60);
    // The fifth itself is hardly ever guessed, although the four before it always stood there.
    expect(guesses.slice(200, 1000).filter((made, index) => index % 5 === 4 && made.length > 0)).toEqual([]);
    const quoted = guesses.slice(1000).map(({ length }) => length);
    expect(quoted.findIndex((count) => count > 0)).toBeLessThan(10);
    expect(quoted.slice(30)).toEqual(new Array(10).fill(8));
  });

  test("is the most for endless repetition of one token, and of a few", () => {
    for (const period of [1, 2, 3, 7]) {
      const repetition = Array.from({ length: 120 }, (_, i) => i % period);
      const guesses = follow([], repetition, 32);
      for (let index = 60; index < 80; index++) expect(guesses[index]).toEqual(repetition.slice(index, index + 32));
    }
  });
});

test.each([
  ["aaaa", () => 0],
  ["two tokens by chance", (i: number) => Math.imul(i, 0x9e3779b1) >>> 31],
  ["many tokens by chance", (i: number) => Math.imul(i, 0x9e3779b1) >>> 20],
  ["a document that is quoted", (i: number) => i % 1500],
  ["nearly the same again and again", (i: number) => (i % 5 === 0 ? i : i % 5)],
])("a token of the text costs a bounded number of reads: %s", (_, tokenAt) => {
  let reads = 0;
  const counting = (tokens: number[]): number[] =>
    new Proxy(tokens, {
      get: (target, key, receiver) => {
        if (key !== "length") reads++;
        return Reflect.get(target, key, receiver);
      },
    });
  const all = Array.from({ length: 6000 }, (_, i) => tokenAt(i));
  const tokens = all.slice(0, 3000);
  const lookup = new PromptLookup(counting(tokens));
  expect(reads).toBeLessThan(3000 * 5);
  reads = 0;
  for (const token of all.slice(3000)) {
    lookup.guess(0);
    tokens.push(token);
  }
  expect(reads).toBeLessThan(3000 * 30);
});
