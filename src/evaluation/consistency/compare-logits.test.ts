import { expect, test } from "vitest";
import { createRandom } from "../random.ts";
import { addComparisons, compareLogits } from "./compare-logits.ts";

const vocabulary = 7;
const rows = 5;
const random = createRandom(1);
const makeLogits = (): Float32Array => Float32Array.from({ length: rows * vocabulary }, () => 40 * random() - 10);

/** Straight from the definition; logits of this size overflow nothing. */
function probabilities(logits: Float32Array, row: number): readonly number[] {
  const weights = [...logits.subarray(row * vocabulary, (row + 1) * vocabulary)].map(Math.exp);
  const total = weights.reduce((a, b) => a + b);
  return weights.map((weight) => weight / total);
}

test("divergences and probabilities are those of the definition", () => {
  const [exact, other] = [makeLogits(), makeLogits()];
  const next = [3, 0, 6, 2];
  const found = compareLogits(exact, other, next, vocabulary);
  const expected = { divergence: 0, agreed: 0, logprob: 0, exactLogprob: 0 };
  for (const [row, token] of next.entries()) {
    const [p, q] = [probabilities(exact, row), probabilities(other, row)];
    expected.divergence += p.reduce((sum, one, i) => sum + one * Math.log(one / q[i]!), 0);
    expected.agreed += p.indexOf(Math.max(...p)) === q.indexOf(Math.max(...q)) ? 1 : 0;
    expected.exactLogprob += Math.log(p[token]!);
    expected.logprob += Math.log(q[token]!);
  }
  expect(found.tokens).toBe(4);
  expect(found.agreed).toBe(expected.agreed);
  for (const key of ["divergence", "logprob", "exactLogprob"] as const)
    expect(found[key]).toBeCloseTo(expected[key], 9);
});

test("equal logits do not diverge at all, however large; a constant on all of them changes nothing", () => {
  const exact = makeLogits().map((logit) => logit * 100);
  const same = compareLogits(exact, exact.slice(), [0, 1, 2, 3, 4], vocabulary);
  expect([same.divergence, same.agreed, same.logprob]).toEqual([0, 5, same.exactLogprob]);
  const shifted = compareLogits(Float32Array.of(1, 2, 3), Float32Array.of(1001, 1002, 1003), [0], 3);
  expect(shifted.divergence).toBeCloseTo(0, 12);
  expect(shifted.divergence).toBeGreaterThanOrEqual(0);
});

test("rows that are compared in pieces are all of them", () => {
  const [exact, other] = [makeLogits(), makeLogits()];
  const piece = (logits: Float32Array, from: number, to: number) => logits.subarray(from * vocabulary, to * vocabulary);
  const whole = compareLogits(exact, other, [1, 2, 3, 4, 5], vocabulary);
  const pieces = addComparisons([
    compareLogits(piece(exact, 0, 2), piece(other, 0, 2), [1, 2], vocabulary),
    compareLogits(piece(exact, 2, 5), piece(other, 2, 5), [3, 4, 5], vocabulary),
  ]);
  expect([pieces.tokens, pieces.agreed]).toEqual([whole.tokens, whole.agreed]);
  expect(pieces.divergence).toBeCloseTo(whole.divergence, 12);
  expect(pieces.logprob).toBeCloseTo(whole.logprob, 12);
});
