import fc from "fast-check";
import { expect, test } from "vitest";
import { kthLargest } from "./kth-largest.ts";

test("equals the k-th of the sorted values, ties and infinities included", () => {
  const value = fc.oneof(fc.integer({ min: -3, max: 3 }), fc.double({ noNaN: true }));
  const cases = fc
    .array(value, { minLength: 1, maxLength: 60 })
    .chain((values) => fc.tuple(fc.constant(values), fc.integer({ min: 1, max: values.length })));
  fc.assert(
    fc.property(cases, ([values, k]) => {
      const sorted = Float64Array.from(values).sort().reverse();
      expect(kthLargest(values, k) === sorted[k - 1]).toBe(true);
    }),
  );
});
