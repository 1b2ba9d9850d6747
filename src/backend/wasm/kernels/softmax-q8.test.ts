import { expect, test } from "vitest";
import { largestWeight } from "./exponential.ts";
import { alone, inputs, kernelHarnesses } from "./kernel-harness.ts";
import { mostRows, queryRecord, scoreRowBytes, stateRecord, workspace } from "./row-records.ts";
import { softmaxQ8 } from "./softmax-q8.ts";
import { tileTokens } from "./tile-layout.ts";

const scoreKinds: Readonly<Record<string, (length: number) => Float32Array>> = {
  normal: (length) => inputs("normal", length, 5).map((x) => x * 1000),
  "far apart": (length) => inputs("normal", length, 5).map((x) => x * 1e6),
  "near together": (length) => inputs("normal", length, 5).map((x) => 5e4 + x),
  "all equal": (length) => new Float32Array(length).fill(-1234.5),
  zero: (length) => inputs("zero", length),
};
const scale = Math.fround(0.0031);

for (const { name, kernels, put, get, clear } of await kernelHarnesses([alone(softmaxQ8)])) {
  const run = (scores: Float32Array, rows: number, maximum: number, sum: number) => {
    clear();
    const query = new Float32Array(queryRecord.numbers / 4);
    query.fill(scale, queryRecord.scales / 4, queryRecord.scales / 4 + rows);
    new Int32Array(query.buffer)[queryRecord.rows / 4] = rows;
    const state = new Float32Array(stateRecord.values / 4).fill(Number.NaN);
    state.fill(maximum, stateRecord.maxima / 4, stateRecord.maxima / 4 + rows);
    state.fill(sum, stateRecord.sums / 4, stateRecord.sums / 4 + rows);
    const work = new Float32Array(workspace.bytes / 4).fill(Number.NaN);
    work.set(scores);
    const [workAddress, stateAddress] = [put(work), put(state)];
    kernels.softmaxQ8Alone!(put(query), workAddress, stateAddress);
    const workAfter = get(Float32Array, workAddress, work.length);
    const stateAfter = get(Float32Array, stateAddress, state.length);
    return Array.from({ length: rows }, (_, row) => ({
      weights: get(Uint8Array, workAddress + row * scoreRowBytes, tileTokens),
      keep: workAfter[workspace.keep / 4 + row]!,
      part: workAfter[workspace.part / 4 + row]!,
      maximum: stateAfter[stateRecord.maxima / 4 + row]!,
      sum: stateAfter[stateRecord.sums / 4 + row]!,
    }));
  };

  test.for(Object.keys(scoreKinds))(`${name}: weights of scores that are %s, and the states with them`, (kind) => {
    for (let rows = 1; rows <= mostRows; rows++) {
      for (const [oldMaximum, oldSum] of [
        [-1e30, 0],
        [3, 10],
        [1e4, 2],
      ] as const) {
        const scores = scoreKinds[kind]!(rows * tileTokens);
        run(scores, rows, oldMaximum, oldSum).forEach((got, row) => {
          const exponents = Array.from(scores.slice(row * tileTokens, (row + 1) * tileTokens), (x) => x * scale);
          const largest = Math.max(...exponents);
          const maximum = Math.max(largest, oldMaximum);
          expect(Math.abs(got.maximum - maximum)).toBeLessThanOrEqual(Math.abs(maximum) * 1e-7);
          expect(got.keep).toBeCloseTo(2 ** (oldMaximum - maximum), 3);
          expect(got.part * largestWeight).toBeCloseTo(2 ** (largest - maximum), 3);
          const sum = got.weights.reduce((a, b) => a + b, 0);
          expect(got.sum).toBeCloseTo(oldSum * got.keep + sum * got.part, 4);
          // Exponents have 12 fractional bits, but not more than 24 bits.
          const step = 2 ** -12 + Math.abs(largest) * 2 ** -21;
          const excess = exponents.map((x, key) => {
            const exact = largestWeight * 2 ** (x - largest);
            return Math.abs(got.weights[key]! - exact) - exact * (0.0018 + step) - 0.51;
          });
          expect(Math.max(...excess)).toBeLessThan(0);
          expect(Math.max(...got.weights)).toBeLessThanOrEqual(largestWeight);
        });
      }
    }
  });

  test(`${name}: the largest weight is never nothing, however large scores are`, () => {
    for (const size of [1e8, -1e8, 3e8, -3e8]) {
      const [row] = run(new Float32Array(tileTokens).fill(size), 1, -1e30, 0);
      expect(Math.min(...row!.weights)).toBeGreaterThan(0);
    }
  });

  test(`${name}: a row's bits do not depend on the rows beside it`, () => {
    const scores = inputs("normal", mostRows * tileTokens, 8).map((x) => x * 1000);
    const [one] = run(scores.slice(0, tileTokens), 1, 2, 3);
    expect(run(scores, mostRows, 2, 3)[0]).toEqual(one);
  });
}
