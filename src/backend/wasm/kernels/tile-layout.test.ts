import { expect, test } from "vitest";
import { lineBytes } from "../layout.ts";
import { paddedWidth, tileBytes, tileTypes, valuesOffset } from "./tile-layout.ts";

test("widths are multiples of 16", () => {
  expect([1, 6, 16, 20, 64, 80, 128].map(paddedWidth)).toEqual([16, 16, 16, 32, 64, 80, 128]);
});

test("tiles have the sizes that their layouts add up to, for 128 positions", () => {
  expect(tileBytes("f32", 64)).toBe(2 * 128 * 64 * 4);
  expect(tileBytes("f16", 128)).toBe(2 * 128 * 128 * 2);
  // 16 groups of 32 + 32 + 8 · 64 bytes; 64 scales, and 128 · 64 bytes.
  expect(tileBytes("q8", 64)).toBe(16 * 576 + 64 * 4 + 128 * 64);
  expect(valuesOffset("q8", 64)).toBe(16 * 576);
  expect(valuesOffset("f32", 20)).toBe(128 * 32 * 4);
});

test("tiles one after the other begin on lines of memory, their values on vectors", () => {
  for (const type of tileTypes) {
    for (let headDim = 1; headDim <= 256; headDim++) {
      expect(tileBytes(type, headDim) % lineBytes).toBe(0);
      expect(valuesOffset(type, headDim) % 16).toBe(0);
    }
  }
});
