import fc from "fast-check";
import { expect, test } from "vitest";
import { applyRotary, type RotaryEncoding, resolveRotaryEncoding, rotaryRows } from "../position/index.ts";
import { turnBetween } from "./growth.ts";

const config = { head_dim: 64, rope_theta: 1e6, max_position_embeddings: 32768 };
const at = (factor: number): RotaryEncoding =>
  factor === 1 ? resolveRotaryEncoding(config) : resolveRotaryEncoding(config, { method: "yarn", factor });

const keyOf = (seed: number): Float32Array =>
  Float32Array.from({ length: 64 }, (_, i) => Math.sin(seed * 31 + i * i) * 5);
const norm = (vector: Float32Array): number => Math.hypot(...vector);

/** A key cached under one encoding, turned to others in turn. */
function turned(key: Float32Array, position: number, factors: readonly number[]): Float32Array {
  const first = rotaryRows(at(factors[0]!), [position]);
  let cached = applyRotary(key, first.cos, first.sin);
  for (let i = 1; i < factors.length; i++) {
    const { cos, sin } = turnBetween(at(factors[i - 1]!), at(factors[i]!), position, 1);
    cached = applyRotary(cached, cos, sin);
  }
  return cached;
}

test.each([[[1, 2]], [[1, 4]], [[1, 2, 4]], [[2, 4]]])(
  "keys turned %j equal keys rotated at the last factor",
  (factors) => {
    fc.assert(
      fc.property(fc.nat({ max: 131071 }), fc.nat({ max: 1000 }), (position, seed) => {
        const key = keyOf(seed);
        const { cos, sin } = rotaryRows(at(factors.at(-1)!), [position]);
        const fresh = applyRotary(key, cos, sin);
        const cached = turned(key, position, factors);
        // The angles are the same float32 numbers on both ways, so that only the rounding of the keys is left.
        const bound = 1e-5 * norm(fresh);
        expect(Math.max(...fresh.map((value, i) => Math.abs(value - cached[i]!)))).toBeLessThan(bound);
      }),
    );
  },
);

test("the attention scaling stays in a key once, however often it is turned", () => {
  const key = keyOf(1);
  const { attentionScaling } = at(4);
  expect(attentionScaling).toBeGreaterThan(1.13);
  expect(norm(turned(key, 5000, [1, 2, 4])) / norm(key)).toBeCloseTo(attentionScaling, 5);
  expect(norm(turned(key, 5000, [4, 1])) / norm(key)).toBeCloseTo(1, 5);
});

test("there is no last angle: positions past the native window turn like others", () => {
  const { cos, sin } = turnBetween(at(1), at(4), 32760, 20);
  for (let row = 0; row < 20; row++) {
    const one = turnBetween(at(1), at(4), 32760 + row, 1);
    expect(cos.slice(row * 32, (row + 1) * 32)).toEqual(one.cos);
    expect(sin.slice(row * 32, (row + 1) * 32)).toEqual(one.sin);
  }
});
