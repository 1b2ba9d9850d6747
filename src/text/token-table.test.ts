import { expect, test } from "vitest";
import { byteToken, tokenBytes } from "./byte-alphabet.ts";
import { miniatureTokenizer } from "./miniature-tokenizer.ts";
import { createTokenizer } from "./tokenizer.ts";

test("the byte alphabet: printable Latin-1 stands for itself, the rest begins at U+0100", () => {
  expect(byteToken(0x41)).toBe("A");
  expect(byteToken(0x20)).toBe("Ġ"); // U+0120: the 33rd of the others
  expect(byteToken(0x0a)).toBe("Ċ");
  expect(byteToken(0x00)).toBe("\u0100");
  expect(byteToken(0xad)).toBe("\u0143"); // The last of the others: 33 + 1 + 33 + 1 before and with it.
  for (let byte = 0; byte < 256; byte++) expect([...tokenBytes(byteToken(byte))]).toEqual([byte]);
});

test("what is not written in the alphabet stands for itself", () => {
  expect([...tokenBytes("a b")]).toEqual([0x61, 0x20, 0x62]);
  expect([...tokenBytes("你")]).toEqual([0xe4, 0xbd, 0xa0]);
});

test("bytes, offsets and control tokens by id", () => {
  const added = [
    { content: "<é>", special: true },
    { content: "tool", id: 260 },
  ];
  const { bytes, offsets, control } = createTokenizer(miniatureTokenizer(["Ġ a"], added), {}).tokenTable();
  const token = (id: number) => [...bytes.subarray(offsets[id], offsets[id + 1])];
  expect(offsets.length).toBe(262);
  expect(offsets[261]).toBe(bytes.length);
  expect(token(0xe9)).toEqual([0xe9]);
  expect(token(256)).toEqual([0x20, 0x61]);
  // Added tokens are text, not spelled in the byte alphabet.
  expect(token(257)).toEqual([0x3c, 0xc3, 0xa9, 0x3e]);
  expect(token(260)).toEqual([0x74, 0x6f, 0x6f, 0x6c]);
  // Ids between, which nothing has.
  expect(token(258)).toEqual([]);
  expect([...control.entries()].filter(([, flag]) => flag === 1).map(([id]) => id)).toEqual([257]);
});
