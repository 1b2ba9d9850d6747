import { expect, test } from "vitest";
import { pythonQuote, pythonStrftime, pythonStrip } from "./python-text.ts";

test("a set of characters is stripped, from the sides asked for", () => {
  expect(pythonStrip("\n\n  a b \n", "\n", "both")).toBe("  a b ");
  expect(pythonStrip("\n a \n", "\n", "left")).toBe(" a \n");
  expect(pythonStrip("\n a \n", "\n", "right")).toBe("\n a ");
  expect(pythonStrip("abcba", "ab", "both")).toBe("c");
  expect(pythonStrip("👍a👍👍", "👍", "both")).toBe("a");
  expect(pythonStrip(" a ", "", "both")).toBe(" a ");
});

test("white space is Python's", () => {
  // In Python 3: [hex(i) for i in range(0x110000) if chr(i).isspace()]
  const white = "\t\n\v\f\r\x1c\x1d\x1e\x1f \x85\xa0\u1680\u2000\u2005\u200a\u2028\u2029\u202f\u205f\u3000";
  expect(pythonStrip(`${white}a b${white}`, null, "both")).toBe("a b");
  for (const character of "\ufeff\u200b\u180e\u0000") expect(pythonStrip(character, null, "both")).toBe(character);
  expect(pythonStrip(white, null, "left")).toBe("");
  expect(pythonStrip(white, null, "right")).toBe("");
});

test.each([
  ["it's", `"it's"`],
  ['"', `'"'`],
  [`it's "`, String.raw`'it\'s "'`],
  ["\\", String.raw`'\\'`],
  ["\n\r\t\0\x7f\x85\xa0 \xad", String.raw`'\n\r\t\x00\x7f\x85\xa0 \xad'`],
  ["é你😀", "'é你😀'"],
  ["\u200b\u2028\ufeff\u3000\u{e0001}", String.raw`'\u200b\u2028\ufeff\u3000\U000e0001'`],
  ["\ue000", "'\ue000'"], // stays: see there
])("%j is quoted as repr() does", (text, expected) => {
  expect(pythonQuote(text)).toBe(expected);
});

test("strftime is English and knows what templates ask for", () => {
  const date = new Date(2024, 6, 5, 15, 4, 9); // a Friday
  expect(pythonStrftime(date, "%d %b %Y, %B %A %a %y-%m %H:%M:%S %I %p 100%%")).toBe(
    "05 Jul 2024, July Friday Fri 24-07 15:04:09 03 PM 100%",
  );
  expect(pythonStrftime(new Date(2024, 0, 1, 0, 0, 0), "%I %p")).toBe("12 AM");
  expect(pythonStrftime(date, "%Q %")).toBe("%Q %");
});
