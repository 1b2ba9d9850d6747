import { expect, test } from "vitest";
import { allTargets } from "../builder/target.ts";
import { kernelHarnesses } from "./kernel-harness.ts";
import { computeProduct, inexactProducts } from "./linear-harness.ts";
import { linearQ4Row, linearQ4Rows } from "./linear-q4.ts";

for (const harness of await kernelHarnesses([linearQ4Row, linearQ4Rows], allTargets)) {
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
    const row = Float32Array.from({ length: 32 }, (_, i) => (i === 31 ? 127 : (i % 2 === 0 ? -1 : 1) * (i + 1)));
    for (const rows of [1, 2, 3, 4, 5, 6]) {
      const x = Float32Array.from({ length: rows * 32 }, (_, i) => row[i % 32]!);
      const bias = new Float32Array(16).fill(0.5);
      const out = computeProduct(harness, { type: "q4", rows, inputs: 32, outputs: 16, x, weights, bias });
      const expected = Array.from({ length: 16 }, (_, o) => (o - 8) * row[o]! - 8 * 127 + 0.5);
      expect([...out]).toEqual(Array.from({ length: rows * 16 }, (_, i) => expected[i % 16]));
    }
  });
}
