import fc from "fast-check";
import { expect, test } from "vitest";
import { dequantised, type Quantise, quantiseQ4, quantiseQ8 } from "./quantise.ts";

function quantised(quantise: Quantise, values: readonly number[] | Float32Array) {
  const integers = new Int8Array(32);
  const bits = Uint16Array.of(quantise(Float32Array.from(values), 0, integers, 0));
  return { scale: new Float16Array(bits.buffer)[0]!, integers: [...integers] };
}

const block = (...first: number[]): number[] => [...first, ...new Array(32 - first.length).fill(0)];

test("Q4_0: the number of largest magnitude becomes -8, whatever its sign; the rest is rounded, and ends at 7", () => {
  expect(quantised(quantiseQ4, block(-8, 7, 3, -1, 0.49, 0.5, -0.5, -0.51, 7.49, 7.6, 8))).toEqual({
    scale: 1,
    integers: block(-8, 7, 3, -1, 0, 1, 0, -1, 7, 7, 7),
  });
  expect(quantised(quantiseQ4, block(4, -4, 3.5, -3.5, 0.25))).toEqual({
    scale: -0.5,
    integers: block(-8, 7, -7, 7, 0), // -0.25 / 0.5 is rounded up
  });
});

test("Q8_0: the largest magnitude becomes 127, halves are rounded away from zero", () => {
  expect(quantised(quantiseQ8, block(127, -126.5, 0.5, -0.5, 1.5, -1.5, 0.49999997, -0.49999997, 0))).toEqual({
    scale: 1,
    integers: block(127, -127, 1, -1, 2, -2, 0, -0, 0).map((integer) => integer + 0),
  });
  expect(quantised(quantiseQ8, block(-254, 1)).integers).toEqual(block(-127, 1));
});

test("the scale is a float16, to the nearest, and subnormal where it must be", () => {
  expect(quantised(quantiseQ8, block(0.1)).scale).toBe(new Float16Array([Math.fround(Math.fround(0.1) / 127)])[0]);
  expect(quantised(quantiseQ4, block(-8 * 3 * 2 ** -24)).scale).toBe(3 * 2 ** -24);
  expect(quantised(quantiseQ4, block(-(2 ** -22))).scale).toBe(0); // half of the least float16 goes to the even one
  expect(quantised(quantiseQ4, block(-65504 * 8)).scale).toBe(65504);
});

test("a block of zeros, and one too small for any scale, becomes zeros", () => {
  for (const quantise of [quantiseQ4, quantiseQ8]) {
    for (const size of [0, -0, 2 ** -149, -(2 ** -149), 2 ** -130, 1e-38]) {
      const values = Float32Array.from({ length: 32 }, (_, i) => (i % 3 === 0 ? size : size / 2));
      expect(quantised(quantise, values).scale).toBeCloseTo(0, 300);
      for (const number of dequantised(values, 32, quantise)) expect(number).toBeCloseTo(0, 300);
    }
  }
});

/** ggml's `quantize_row_q4_0_ref`, statement by statement; the integers without the offset of 8. */
function ggmlQ4(x: Float32Array) {
  let amax = 0;
  let max = 0;
  for (const v of x) {
    if (amax < Math.abs(v)) {
      amax = Math.abs(v);
      max = v;
    }
  }
  const d = Math.fround(max / -8);
  const id = d !== 0 ? Math.fround(1 / d) : 0;
  const integers = [...x].map((v) => Math.min(15, Math.trunc(Math.fround(Math.fround(v * id) + 8.5))) - 8);
  return { scale: new Float16Array([d])[0]!, integers };
}

/** ggml's `quantize_row_q8_0_ref`. */
function ggmlQ8(x: Float32Array) {
  const amax = x.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const d = Math.fround(amax / 127);
  const id = d !== 0 ? Math.fround(1 / d) : 0;
  const integers = [...x].map((v) => {
    const scaled = Math.fround(v * id);
    const magnitude = Math.floor(Math.abs(scaled));
    return Math.sign(scaled) * (Math.abs(scaled) - magnitude >= 0.5 ? magnitude + 1 : magnitude) + 0;
  });
  return { scale: new Float16Array([d])[0]!, integers };
}

/** Blocks whose scale is a float16 other than 0 and infinity; with numbers next to halves of steps, too. */
const blocks = fc
  .tuple(
    fc.array(
      fc.oneof(
        fc.double({ min: -1, max: 1, noNaN: true }),
        fc.integer({ min: -254, max: 254 }).map((i) => i / 254),
      ),
      {
        minLength: 32,
        maxLength: 32,
      },
    ),
    fc.integer({ min: -16, max: 18 }),
  )
  .map(([values, exponent]) => Float32Array.from(values, (value) => value * 2 ** exponent))
  .filter((values) => values.some((value) => Math.abs(value) > 2 ** -16));

test("blocks are ggml's, integer by integer", () => {
  fc.assert(
    fc.property(blocks, (values) => {
      expect(quantised(quantiseQ4, values)).toEqual(ggmlQ4(values));
      expect(quantised(quantiseQ8, values)).toEqual(ggmlQ8(values));
    }),
    { numRuns: 500 },
  );
});

test("the error is at most half a step; for Q4_0 a whole one next to the end that has no 8; and what the scale's rounding adds", () => {
  fc.assert(
    fc.property(blocks, (values) => {
      for (const [quantise, reach] of [
        [quantiseQ4, 8],
        [quantiseQ8, 127],
      ] as const) {
        const top = values.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
        const step = Math.abs(top) / reach;
        // float16 rounds by 2^-11 of the scale, or by half of its least number.
        const scaleError = Math.max(step * 2 ** -11, 2 ** -25);
        for (const [i, number] of dequantised(values, 32, quantise).entries()) {
          const value = values[i]!;
          const isClipped = quantise === quantiseQ4 && value / top < -7.5 / 8;
          const tolerance = (isClipped ? 1 : 0.5) * step * 1.0001 + reach * scaleError;
          expect(Math.abs(number - value)).toBeLessThanOrEqual(tolerance);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test("what was quantised once stays as it is", () => {
  fc.assert(
    fc.property(blocks, fc.constantFrom(quantiseQ4, quantiseQ8), (values, quantise) => {
      const once = dequantised(values, 32, quantise);
      expect(dequantised(once, 32, quantise)).toEqual(once);
    }),
    { numRuns: 500 },
  );
});

test("rows are quantised in blocks of their own; a last one that is not whole, as if completed by zeros", () => {
  const columns = 45;
  const values = Float32Array.from({ length: 2 * columns }, (_, i) => Math.sin(i * i) * (i < columns ? 1 : 100));
  for (const quantise of [quantiseQ4, quantiseQ8]) {
    const got = dequantised(values, columns, quantise);
    for (const row of [0, 1]) {
      for (const [start, end] of [
        [0, 32],
        [32, 45],
      ] as const) {
        const { scale, integers } = quantised(
          quantise,
          block(...values.subarray(row * columns + start, row * columns + end)),
        );
        const expected = integers.slice(0, end - start).map((integer) => scale * integer);
        expect([...got.subarray(row * columns + start, row * columns + end)]).toEqual(expected);
      }
    }
  }
});

test("a block is read and written at its place", () => {
  const values = Float32Array.from({ length: 96 }, (_, i) => (i < 32 || i >= 64 ? 1e4 : i - 48));
  const integers = new Int8Array(64).fill(99);
  quantiseQ8(values, 32, integers, 16);
  expect([...integers.subarray(0, 16), ...integers.subarray(48)]).toEqual(new Array(32).fill(99));
  expect([...integers.subarray(16, 48)]).toEqual(quantised(quantiseQ8, values.subarray(32, 64)).integers);
});
