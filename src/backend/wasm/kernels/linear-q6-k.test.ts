import { expect, test } from "vitest";
import { kernelHarnesses } from "./kernel-harness.ts";
import { computeProduct, inexactProducts } from "./linear-harness.ts";
import { linearQ6KRow, linearQ6KRows } from "./linear-q6-k.ts";

for (const harness of await kernelHarnesses([linearQ6KRow, linearQ6KRows])) {
  test(`${harness.name}: products with weights of 6 bits are those of scales and integers`, () => {
    expect(inexactProducts(harness, "q6_k")).toEqual([]);
  });

  test(`${harness.name}: the largest integers of 16 inputs do not overflow, with every sign`, () => {
    for (const rows of [1, 5, 8]) {
      for (const [x, weight] of [
        [16383, -32],
        [-16383, -32],
        [16383, 31],
        [-16383, 31],
      ] as const) {
        const weights = new Float32Array(16 * 256).fill(weight * 127);
        // The scale is that of the number with the largest magnitude: -32 · 127.
        for (let i = 15; i < weights.length; i += 16) weights[i] = -32 * 127;
        const out = computeProduct(harness, {
          type: "q6_k",
          rows,
          inputs: 256,
          outputs: 16,
          x: new Float32Array(rows * 256).fill(x),
          weights,
          bias: new Float32Array(16),
        });
        const expected = 16 * x * 127 * (15 * weight - 32);
        const error = out.map((sum) => Math.abs(sum / expected - 1));
        expect(Math.max(...error)).toBeLessThan(17 * 2 ** -24); // 16 sums are added up
      }
    }
  });
}
