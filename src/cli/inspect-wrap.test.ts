import fc from "fast-check";
import stringWidth from "string-width";
import { expect, test } from "vitest";
import { wrapText } from "./inspect-wrap.ts";

test("words stay whole, what stands in backticks too", () => {
  expect(wrapText("one two `three four` five", 12)).toBe("one two\n`three four`\nfive");
  expect(wrapText("one two", 20, "    ", "  • ")).toBe("  • one two");
  expect(wrapText("aaaa bbbb", 9, "    ", "  • ")).toBe("  • aaaa\n    bbbb");
});

test("Chinese breaks between characters, but no line begins with its punctuation", () => {
  expect(wrapText("原生窗口，扩展窗口", 8)).toBe("原生窗\n口，扩展\n窗口");
  expect(wrapText("缩放（因子）", 4)).toBe("缩放\n（因\n子）");
});

test("nothing is lost, and only what is in one piece is wider than the line", () => {
  const word = fc.constantFrom("a", "token", "窗口", "，", "32768", "`x y`", "（", "）", "。", "🙂", "e\u0301");
  fc.assert(
    fc.property(fc.array(word), fc.integer({ min: 10, max: 40 }), (words, width) => {
      const text = words.join(" ");
      const wrapped = wrapText(text, width);
      expect(wrapped.replaceAll(/\s/g, "")).toBe(text.replaceAll(/\s/g, ""));
      for (const line of wrapped.split("\n")) expect(stringWidth(line)).toBeLessThanOrEqual(width);
    }),
  );
});
