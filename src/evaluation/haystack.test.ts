import fc from "fast-check";
import { expect, test } from "vitest";
import { createHaystack, fitHay, takeWords } from "./haystack.ts";

test("words with what separates them are the text, again and again", () => {
  const haystack = createHaystack("a", "one two\n\nthree\tfour \n");
  expect(haystack.words).toEqual(["one ", "two\n\n", "three\t", "four \n"]);
  expect(takeWords(haystack, 3, 6).join("")).toBe("four \none two\n\nthree\tfour \none ");
});

test("a text without blanks has words too, and no letter is torn", () => {
  const text = "中文没有空格，句子很长。😀😀😀😀😀 and https://example.org/";
  const { words } = createHaystack("a", text);
  expect(words).toEqual(["中文没有", "空格，", "句子很长。", "😀😀😀😀", "😀 ", "and ", "https://example.org/"]);
  expect(createHaystack("a", "a".repeat(100)).words).toHaveLength(4);
});

test("a prompt gets as much hay as fits, whatever words weigh, and with few measurements", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 400 }),
      fc.integer({ min: 0, max: 60 }),
      fc.integer({ min: 0, max: 1200 }),
      fc.integer({ min: 0, max: 500 }),
      async (weights, frame, most, guess) => {
        const weigh = (amount: number): number =>
          frame + Array.from({ length: amount }, (_, i) => weights[i % weights.length]!).reduce((a, b) => a + b, 0);
        let measured = 0;
        const countTokens = async (text: string): Promise<number> => {
          measured++;
          return weigh(text.length);
        };
        const amount = await fitHay((count) => "x".repeat(count), countTokens, most, { guess });
        if (frame > most) expect(amount).toBeUndefined();
        else expect([weigh(amount!) <= most, weigh(amount! + 1) > most]).toEqual([true, true]);
        expect(measured).toBeLessThan(60);
      },
    ),
    { numRuns: 300 },
  );
});
