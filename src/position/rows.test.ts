import { expect, test } from "vitest";
import {
  applyRotary,
  InvalidConfigError,
  type RotaryEncoding,
  resolveRotaryEncoding,
  rotaryAngles,
  rotaryRows,
} from "./index.ts";

const quarterTurn: RotaryEncoding = {
  inverseFrequencies: Float32Array.of(Math.PI / 2, Math.PI / 4),
  attentionScaling: 1,
};

test("rows follow the order of the positions", () => {
  const { cos, sin, pairs } = rotaryRows(quarterTurn, [2, 0, 1]);
  expect(pairs).toBe(2);
  const expected = [
    [Math.PI, Math.PI / 2],
    [0, 0],
    [Math.PI / 2, Math.PI / 4],
  ].flat();
  expected.forEach((angle, index) => {
    expect(cos[index]).toBeCloseTo(Math.cos(angle), 6);
    expect(sin[index]).toBeCloseTo(Math.sin(angle), 6);
  });
});

test("any list of numbers will do, and none makes none", () => {
  expect(rotaryRows(quarterTurn, Int32Array.of(2, 0, 1))).toEqual(rotaryRows(quarterTurn, [2, 0, 1]));
  expect(rotaryRows(quarterTurn, [])).toEqual({ cos: new Float32Array(), sin: new Float32Array(), pairs: 2 });
});

test("a row does not depend on the rows beside it", () => {
  const encoding = resolveRotaryEncoding({ head_dim: 128, rope_theta: 1e6, max_position_embeddings: 32_768 });
  const together = rotaryRows(encoding, [131_071, 5, 77]);
  for (const [row, position] of [131_071, 5, 77].entries()) {
    const alone = rotaryRows(encoding, [position]);
    expect(together.cos.subarray(row * 64, (row + 1) * 64)).toEqual(alone.cos);
    expect(together.sin.subarray(row * 64, (row + 1) * 64)).toEqual(alone.sin);
  }
});

test("angles are rounded to float32 before the cosine, as the reference has them", () => {
  const frequency = Math.fround(0.123456789);
  const encoding = { inverseFrequencies: Float32Array.of(frequency), attentionScaling: 1 };
  const rounded = Math.fround(131_071 * frequency);
  expect(rounded).not.toBe(131_071 * frequency);
  expect(rotaryAngles(encoding, [131_071])[0]).toBe(rounded);
  expect(rotaryRows(encoding, [131_071]).cos[0]).toBe(Math.fround(Math.cos(rounded)));
  expect(rotaryRows(encoding, [131_071]).cos[0]).not.toBe(Math.fround(Math.cos(131_071 * frequency)));
});

test("the attention scaling is on cosine and sine, once, in float32", () => {
  const plain = rotaryRows(quarterTurn, [1, 3]);
  const scaled = rotaryRows({ ...quarterTurn, attentionScaling: 1.138629436111989 }, [1, 3]);
  const scaling = Math.fround(1.138629436111989);
  plain.cos.forEach((value, index) => {
    expect(scaled.cos[index]).toBe(Math.fround(value * scaling));
    expect(scaled.sin[index]).toBe(Math.fround(plain.sin[index]! * scaling));
  });
});

test("a position that is no number is refused", () => {
  for (const position of [Number.NaN, Infinity, 1e300, undefined, "x"]) {
    expect(() => rotaryRows(quarterTurn, [0, position as number])).toThrow(InvalidConfigError);
    expect(() => rotaryAngles(quarterTurn, [0, position as number])).toThrow(/positions\[1\]/);
  }
});

test("what is no encoding, and no list of positions, is refused", () => {
  for (const encoding of [null, undefined, {}, { inverseFrequencies: 5 }, 5n]) {
    expect(() => rotaryRows(encoding as never, [0])).toThrow(expect.objectContaining({ field: "encoding" }));
  }
  for (const positions of [null, undefined, 5, {}]) {
    expect(() => rotaryRows(quarterTurn, positions as never)).toThrow(expect.objectContaining({ field: "positions" }));
  }
});

test("pairs lie in the two halves", () => {
  const { cos, sin } = rotaryRows(quarterTurn, [1]);
  // Pair 0 is numbers 0 and 2, turned by a quarter; pair 1 is numbers 1 and 3, turned by an eighth.
  const rotated = applyRotary([1, 1, 0, 0], cos, sin);
  const expected = [0, Math.SQRT1_2, 1, Math.SQRT1_2];
  rotated.forEach((value, index) => {
    expect(value).toBeCloseTo(expected[index]!, 6);
  });
});

test("what is beyond the rotated part stays, and the input too", () => {
  const { cos, sin } = rotaryRows(quarterTurn, [1]);
  const vector = Float32Array.of(1, 2, 3, 4, 5, 6);
  const rotated = applyRotary(vector, cos, sin);
  expect(rotated.subarray(0, 4)).toEqual(applyRotary([1, 2, 3, 4], cos, sin));
  expect(Array.from(rotated.subarray(4))).toEqual([5, 6]);
  expect(Array.from(vector)).toEqual([1, 2, 3, 4, 5, 6]);
});

test("lengths that do not fit are refused", () => {
  expect(() => applyRotary([1, 2, 3], [1, 1], [0, 0])).toThrow(InvalidConfigError);
  expect(() => applyRotary([1, 2, 3, 4], [1, 1], [0])).toThrow(/2 cosines and 1 sines/);
});
