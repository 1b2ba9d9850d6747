import { expect, test } from "vitest";
import { kernelHarnesses } from "./kernel-harness.ts";
import { computeProduct, inexactProducts } from "./linear-harness.ts";
import { linearQ4Row, linearQ4Rows } from "./linear-q4.ts";
import { quantisedActivations } from "./panel-harness.ts";

for (const harness of await kernelHarnesses([linearQ4Row, linearQ4Rows])) {
  test(`${harness.name}: products with weights of 4 bits are those of the quantised numbers`, () => {
    expect(inexactProducts(harness, "q4")).toEqual([]);
  });

  test(`${harness.name}: all four bits of both halves of a byte count, with every sign`, () => {
    // Output o has the weight o - 8 at input o and 0 elsewhere; -8 at the last input makes the scale 1.
    const weights = new Float32Array(16 * 32);
    for (let output = 0; output < 16; output++) {
      weights[output * 32 + output] = output - 8;
      weights[output * 32 + 31] = -8;
    }
    const row = Float32Array.from({ length: 32 }, (_, i) => (i === 31 ? 123 : (i % 2 === 0 ? -1 : 1) * (i + 1)));
    for (const rows of [1, 2, 3, 4, 5, 6]) {
      const x = Float32Array.from({ length: rows * 32 }, (_, i) => row[i % 32]!);
      const bias = new Float32Array(16).fill(0.5);
      const out = computeProduct(harness, { type: "q4", rows, inputs: 32, outputs: 16, x, weights, bias });
      const expected = Array.from({ length: 16 }, (_, o) => (o - 8) * row[o]! - 8 * 123 + 0.5);
      expect([...out]).toEqual(Array.from({ length: rows * 16 }, (_, i) => expected[i % 16]));
    }
  });

  test(`${harness.name}: the largest integers of a block do not overflow, with every sign, be bytes own or shared`, () => {
    // 123 · 64 at the block's end makes the step 1 / 64; (123, 123) has a shared byte of 0, the others nearly the largest.
    for (const [first, second] of [
      [123, 123],
      [123 - 0.5, 123 - 3.5],
      [-123 + 0.5, -123 + 3.5],
      [123 - 31 / 64, -123 + 39 / 64],
    ] as const) {
      for (const [sign, weight] of [
        [1, -8],
        [-1, -8],
        [1, 7],
        [-1, 7],
      ] as const) {
        for (const rows of [1, 5, 8]) {
          const row = Float32Array.from(
            { length: 32 },
            (_, i) => sign * (i === 31 ? 123 : i === 27 ? 123 : i % 8 < 4 ? first : second),
          );
          const weights = new Float32Array(16 * 32).fill(weight);
          // The scale is that of the number with the largest magnitude: -8 · 1.
          for (let output = 0; output < 16; output++) weights[output * 32 + 31] = -8;
          const x = Float32Array.from({ length: rows * 32 }, (_, i) => row[i % 32]!);
          const out = computeProduct(harness, {
            type: "q4",
            rows,
            inputs: 32,
            outputs: 16,
            x,
            weights,
            bias: new Float32Array(16),
          });
          const { scales, integers } = quantisedActivations("shared", row);
          const sum = integers.reduce((total, integer, i) => total + integer * weights[i]!, 0);
          expect(new Set(out)).toEqual(new Set([Math.fround(sum * scales[0]!)]));
        }
      }
    }
  });
}
