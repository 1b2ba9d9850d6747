import { expect, test } from "vitest";
import { kernelHarnesses } from "./kernel-harness.ts";
import { computeProduct, inexactProducts } from "./linear-harness.ts";
import { linearQ8Row, linearQ8Rows } from "./linear-q8.ts";

for (const harness of await kernelHarnesses([linearQ8Row, linearQ8Rows])) {
  test(`${harness.name}: products with weights of 8 bits are those of the quantised numbers`, () => {
    expect(inexactProducts(harness, "q8")).toEqual([]);
  });

  test(`${harness.name}: the largest integers of a block do not overflow`, () => {
    for (const rows of [1, 5, 8]) {
      for (const sign of [1, -1]) {
        const out = computeProduct(harness, {
          type: "q8",
          rows,
          inputs: 32,
          outputs: 16,
          x: new Float32Array(rows * 32).fill(8191),
          weights: new Float32Array(16 * 32).fill(sign * 127),
          bias: new Float32Array(16),
        });
        expect(new Set(out)).toEqual(new Set([Math.fround(sign * 32 * 127 * 8191)]));
      }
    }
  });
}
