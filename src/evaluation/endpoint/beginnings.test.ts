import { expect, test } from "vitest";
import { createRandom } from "../random.ts";
import { compareBeginnings, comparePerplexities, type Passage } from "./beginnings.ts";

const nativeWindow = 100;
const length = 400;

/** Log probabilities around -2, changed by what a server's kernels make of other lengths, and by what it does with lengths. */
function passages({ noise = 0, beginning = 0, end = 0 }): readonly Passage[] {
  const random = createRandom(1);
  const shake = (values: readonly number[]): readonly number[] =>
    values.map((value) => value + noise * (2 * random() - 1));
  return Array.from({ length: 4 }, () => {
    const exact = Array.from({ length }, (_, i) => (i === 0 ? Number.NaN : -4 * random()));
    const moved = exact.map((value, i) => value + (i < 50 ? beginning * (i % 2 === 0 ? 1 : -1) : i < 100 ? 0 : -end));
    return {
      alone: shake(exact.slice(0, 50)),
      inside: shake(exact.slice(0, 92)),
      beyond: shake(moved),
      end: shake(exact.slice(-92)),
    };
  });
}

test.each([
  [{}, "beginning_same"],
  [{ beginning: 0.05 }, "beginning_differs"],
  [{ noise: 0.05 }, "beginning_same"],
  [{ noise: 0.02, beginning: 0.2 }, "beginning_differs"],
  [{ noise: 0.05, beginning: 0.068 }, "beginning_unclear"], // about twice the noise
] as const)("a difference counts beyond twice the server's own: %o", (changes, code) => {
  expect(compareBeginnings(passages(changes), length).code).toBe(code);
});

test.each([
  [{ noise: 0.05 }, "perplexity_holds"],
  [{ end: 0.1 }, "perplexity_holds"],
  [{ end: 0.5 }, "perplexity_collapses"],
  [{ noise: 0.1, end: Math.log(1.25) }, "perplexity_unclear"],
] as const)("a perplexity collapses where it is worse by a quarter: %o", (changes, code) => {
  expect(comparePerplexities(passages(changes), length, nativeWindow).code).toBe(code);
});

test("one passage has no interval, and gives no verdict", () => {
  const one = passages({ beginning: 1, end: 1 }).slice(0, 1);
  expect(compareBeginnings(one, length).code).toBe("beginning_unclear");
  expect(comparePerplexities(one, length, nativeWindow).code).toBe("perplexity_unclear");
});
