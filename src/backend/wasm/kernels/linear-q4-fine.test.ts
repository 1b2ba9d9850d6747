import { expect, test } from "vitest";
import { kernelHarnesses } from "./kernel-harness.ts";
import { computeProduct, inexactProducts } from "./linear-harness.ts";
import { linearQ4FineRow, linearQ4FineRows } from "./linear-q4-fine.ts";

for (const harness of await kernelHarnesses([linearQ4FineRow, linearQ4FineRows])) {
  test(`${harness.name}: products with weights of 4 bits and activations of 15 are those of the quantised numbers`, () => {
    expect(inexactProducts(harness, "q4Fine")).toEqual([]);
  });

  test(`${harness.name}: the largest integers of a block do not overflow, with every sign`, () => {
    for (const rows of [1, 5, 8]) {
      for (const [x, weight] of [
        [16383, -8],
        [-16383, -8],
        [16383, 7],
        [-16383, 7],
      ] as const) {
        const weights = new Float32Array(16 * 32).fill(weight);
        // The scale is that of the number with the largest magnitude: -8 · 1.
        for (let output = 0; output < 16; output++) weights[output * 32 + 31] = -8;
        const out = computeProduct(harness, {
          type: "q4Fine",
          rows,
          inputs: 32,
          outputs: 16,
          x: new Float32Array(rows * 32).fill(x),
          weights,
          bias: new Float32Array(16),
        });
        expect(new Set(out)).toEqual(new Set([x * (31 * weight - 8)]));
      }
    }
  });
}
