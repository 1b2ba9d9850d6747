import { expect, test } from "vitest";
import { allTargets } from "../builder/target.ts";
import { kernelHarnesses } from "./kernel-harness.ts";
import { computeProduct, inexactProducts } from "./linear-harness.ts";
import { linearQ4KFineRow, linearQ4KFineRows, linearQ4KRow, linearQ4KRows } from "./linear-q4-k.ts";

const kernels = [linearQ4KRow, linearQ4KRows, linearQ4KFineRow, linearQ4KFineRows];

for (const harness of await kernelHarnesses(kernels, allTargets)) {
  test.for(["q4_k", "q4_kFine"] as const)(
    `${harness.name}: products of %s are those of scales, integers and minima`,
    (type) => {
      expect(inexactProducts(harness, type)).toEqual([]);
    },
  );

  test.for([
    ["q4_k", 127],
    ["q4_kFine", 16383],
  ] as const)(
    `${harness.name}: the largest integers of a block of %s do not overflow, with every sign`,
    ([type, most]) => {
      for (const rows of [1, 5, 8]) {
        for (const x of [most, -most]) {
          // Half of the outputs have scale 63 and integers 15, the others minimum 63 and integers 0.
          const weights = Float32Array.from({ length: 16 * 256 }, (_, i) => (i >> 8 < 8 ? 63 * 15 : -63));
          const out = computeProduct(harness, {
            type,
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
    },
  );
}
