import { expect, test } from "vitest";
import { kernelHarnesses } from "./kernel-harness.ts";
import { computeProduct, inexactProducts } from "./linear-harness.ts";
import { linearQ4KRow, linearQ4KRows } from "./linear-q4-k.ts";

for (const harness of await kernelHarnesses([linearQ4KRow, linearQ4KRows])) {
  test(`${harness.name}: products of q4_k are those of scales, integers and minima`, () => {
    expect(inexactProducts(harness, "q4_k")).toEqual([]);
  });

  test(`${harness.name}: the largest integers of a block do not overflow, with every sign`, () => {
    for (const rows of [1, 5, 8]) {
      for (const x of [123, -123]) {
        // Half of the outputs have scale 63 and integers 15, the others minimum 63 and integers 0.
        const weights = Float32Array.from({ length: 16 * 256 }, (_, i) => (i >> 8 < 8 ? 63 * 15 : -63));
        const out = computeProduct(harness, {
          type: "q4_k",
          rows,
          inputs: 256,
          outputs: 16,
          x: new Float32Array(rows * 256).fill(x),
          weights,
          bias: new Float32Array(16),
        });
        const expected = Array.from({ length: 16 }, (_, output) => 256 * x * (output < 8 ? 63 * 15 : -63));
        const error = Array.from({ length: rows * 16 }, (_, i) => Math.abs(out[i]! / expected[i % 16]! - 1));
        expect(Math.max(...error)).toBeLessThan(9 * 2 ** -24); // eight blocks are added up
      }
    }
  });
}
