import fc from "fast-check";
import { expect, test } from "vitest";
import { createStopMatcher } from "./stop-strings.ts";

function run(pieces: readonly string[], stop: readonly string[]): { text: string; stopped: boolean; shown: string[] } {
  const matcher = createStopMatcher(stop);
  const shown = pieces.map((piece) => matcher.push(piece));
  return { text: shown.join("") + matcher.flush(), stopped: matcher.stopped, shown };
}

test("a stop text across pieces ends the stream and is never shown", () => {
  expect(run(["one E", "N", "D two"], ["END"])).toEqual({ text: "one ", stopped: true, shown: ["one ", "", ""] });
});

test("the stop text that begins first wins", () => {
  expect(run(["abc"], ["bc", "c", "b"]).text).toBe("a");
});

test("one that what is not to be shown yet completes is found, in whatever parts it comes", () => {
  const matcher = createStopMatcher(["END", "e\u0301"]);
  expect(matcher.push("", "o")).toBe("");
  expect(matcher.push("o", "e")).toBe("o");
  expect(matcher.push("e", "E")).toBe(""); // an e may still get its accent
  expect(matcher.push("EN", "D")).toBe("e");
  expect(matcher.stopped).toBe(true);
  const early = createStopMatcher(["d"]);
  expect(early.push("ab", "cd")).toBe("abc");
  expect(early.push("cde") + early.flush()).toBe("");
});

test("a beginning that comes to nothing is shown after all", () => {
  expect(run(["EN", "EN", "x"], ["END"])).toEqual({ text: "ENENx", stopped: false, shown: ["", "EN", "ENx"] });
  expect(run(["EN"], ["END"]).text).toBe("EN");
});

test("however a text is cut, the result is what a search in the whole text says", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 12 });
  const stops = fc.array(fc.string({ unit: fc.constantFrom("a", "b"), minLength: 1, maxLength: 4 }), { maxLength: 3 });
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 6 }), stops, (pieces, stop) => {
      const whole = pieces.join("");
      const { text, stopped } = run(pieces, stop);
      const ends = stop.map((s) => whole.indexOf(s)).filter((i) => i >= 0);
      // A search piece by piece stops at the stop text that is complete first.
      if (ends.length === 0) expect({ text, stopped }).toEqual({ text: whole, stopped: false });
      else {
        expect(stopped).toBe(true);
        expect(whole.startsWith(text)).toBe(true);
        expect(stop.some((s) => whole.startsWith(s, text.length))).toBe(true);
        expect(stop.every((s) => !text.includes(s))).toBe(true);
      }
    }),
  );
});
