import fc from "fast-check";
import { expect, test } from "vitest";
import { createRandomWeights } from "./random-weights.ts";

const length = 100_000; // more than three runs
const weights = createRandomWeights(1);
const fill = weights("model.layers.0.mlp.up_proj.weight", [1000, 100]);

test("numbers do not depend on the pieces in which they are written", () => {
  const whole = new Uint16Array(length);
  fill(whole, 0);
  fc.assert(
    fc.property(fc.integer({ min: 0, max: length }), fc.integer({ min: 0, max: length }), (a, b) => {
      const [start, end] = [Math.min(a, b), Math.max(a, b)];
      const piece = new Uint16Array(end - start);
      fill(piece, start);
      expect(Buffer.from(piece.buffer).equals(Buffer.from(whole.buffer, start * 2, piece.byteLength))).toBe(true);
    }),
    { numRuns: 50 },
  );
});

test("the bytes of a seed do not change", () => {
  const first = new Uint16Array(4);
  fill(first, 0);
  expect([...first]).toMatchInlineSnapshot(`
    [
      48633,
      15563,
      15830,
      48371,
    ]
  `);
});
