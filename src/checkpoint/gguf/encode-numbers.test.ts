import { expect, test } from "vitest";
import { encodeNumbers } from "./encode-numbers.ts";

const quantizeQ4 = (values: Float32Array<ArrayBuffer>) => encodeNumbers(values, "Q4_0");
const quantizeQ8 = (values: Float32Array<ArrayBuffer>) => encodeNumbers(values, "Q8_0");

/** A block of the given numbers, then zeros. */
function block(...values: readonly number[]): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: 32 }, (_, i) => values[i] ?? 0);
}

test("4 bits: the number of largest magnitude becomes 0 and the scale takes its sign", () => {
  // d = -4 / -8 = 0.5 (float16 0x3800); -4 → 0, 3.5 → 7 + 8 = 15, 0.25 → 0.5 + 8.5 = 9, 0 → 8
  expect([...quantizeQ4(block(-4, 3.5, 0.25))]).toEqual([0x00, 0x38, 0x80, 0x8f, 0x89, ...Array(13).fill(0x88)]);
});

test("4 bits: numbers of the scale's other side are cut at 15", () => {
  // d = 4 / -8 = -0.5 (0xb800); 4 → -8 + 8.5 → 0; -4 → 8 + 8.5 = 16.5 → 15
  expect([...quantizeQ4(block(4, -4))]).toEqual([0x00, 0xb8, 0x80, 0x8f, ...Array(14).fill(0x88)]);
});

test("4 bits: of two equal magnitudes the first one decides", () => {
  expect([...quantizeQ4(block(1, -1)).subarray(0, 2)]).toEqual([0x00, 0xb0]); // 1 / -8
  expect([...quantizeQ4(block(-1, 1)).subarray(0, 2)]).toEqual([0x00, 0x30]); // -1 / -8
});

test("4 bits: the second half of a block is in the high halves of its bytes", () => {
  const values = block();
  values[16] = -8; // d = 1 → 0
  values[31] = 7; // → 15
  expect([...quantizeQ4(values)]).toEqual([0x00, 0x3c, 0x08, ...Array(14).fill(0x88), 0xf8]);
});

test("4 bits: numbers are divided by the scale before it is rounded to float16", () => {
  // d = 1.0003 / 8 = 0.1250375 lies between float16's 0.125 and 0.12512; it is stored as 0.125. 0.5627 / 0.1250375 = 4.5003 → 13, while
  // 0.56266 / 0.1250375 = 4.49993 → 12, though 0.56266 / 0.125 = 4.50128 would be 13.
  expect([...quantizeQ4(block(-1.0003, 0.5627, 0.56266)).subarray(0, 5)]).toEqual([0x00, 0x30, 0x80, 0x8d, 0x8c]);
});

test("4 and 8 bits: a block of zeros has scale 0, with llama.cpp's sign", () => {
  expect([...quantizeQ4(block())]).toEqual([0x00, 0x80, ...Array(16).fill(0x88)]); // 0 / -8
  expect([...quantizeQ8(block())]).toEqual(Array(34).fill(0));
});

test("8 bits: halves are rounded away from zero", () => {
  // d = 127 / 127 = 1 (0x3c00)
  const [low, high, ...numbers] = quantizeQ8(block(127, 2.5, -2.5, 0.5, -0.5, 0.49999997, -126.5));
  expect([low, high]).toEqual([0x00, 0x3c]);
  expect([...Int8Array.from(numbers)].slice(0, 8)).toEqual([127, 3, -3, 1, -1, 0, -127, 0]);
});

test("several blocks stand one after the other", () => {
  const blocks = quantizeQ8(Float32Array.from([...block(127), ...block(-254)]));
  expect(blocks).toHaveLength(68);
  expect([...blocks.subarray(34, 37)]).toEqual([0x00, 0x40, 0x81]); // d = 2, then -127
});

test("16 bits: rounded to the nearest, of two to the even one; 32 bits: as they are, also those of a part of a buffer", () => {
  // Between 1 and the next float16, 1 + 2^-10, lies 1 + 2^-11; 65519 is the last number that is not infinite.
  expect([...encodeNumbers(Float32Array.of(1 + 2 ** -11, 1 + 3 * 2 ** -11, 65519, -0), "F16")]).toEqual([
    0x00, 0x3c, 0x02, 0x3c, 0xff, 0x7b, 0x00, 0x80,
  ]);
  expect([...encodeNumbers(Float32Array.of(7, 1).subarray(1), "F32")]).toEqual([0, 0, 0x80, 0x3f]);
});
