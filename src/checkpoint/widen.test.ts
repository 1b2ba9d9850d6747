import { expect, test } from "vitest";
import { widenBfloat16, widenFloat16 } from "./widen.ts";

const allPatterns = Uint16Array.from({ length: 2 ** 16 }, (_, index) => index);

test("every float16 equals what Float16Array reads", () => {
  const widened = new Float32Array(allPatterns.length);
  widenFloat16(allPatterns, new Uint32Array(widened.buffer));
  const expected = new Float16Array(allPatterns.buffer);
  const different = widened.findIndex((value, index) => !Object.is(value, expected[index]));
  expect(different).toBe(-1);
});

test("known float16 values", () => {
  const halves = new Uint16Array([0x0001, 0x03ff, 0x0400, 0x3c00, 0xc000, 0x7bff, 0x7c00, 0xfc00, 0x8000, 0x3555]);
  const widened = new Float32Array(halves.length);
  widenFloat16(halves, new Uint32Array(widened.buffer));
  const largestSubnormal = 1023 * 2 ** -24;
  expect([...widened]).toEqual([
    2 ** -24,
    largestSubnormal,
    2 ** -14,
    1,
    -2,
    65504,
    Infinity,
    -Infinity,
    -0,
    0.333251953125,
  ]);
});

test("every bfloat16 is the upper half of its float32", () => {
  const widened = new Uint32Array(allPatterns.length);
  widenBfloat16(allPatterns, widened);
  expect(widened.findIndex((bits, index) => bits !== index * 65536)).toBe(-1);
  const values = new Float32Array(widened.buffer);
  expect(values[0x3f80]).toBe(1);
  expect(values[0xc040]).toBe(-3);
  expect(values[0x0001]).toBe(2 ** -133);
  expect(values[0x7f7f]).toBe(Math.fround(3.3895313892515355e38));
  expect(values[0xff80]).toBe(-Infinity);
  expect(values[0x7fc0]).toBeNaN();
});
