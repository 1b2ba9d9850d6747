import { expect, test } from "vitest";
import { alone, inputs, kernelHarnesses } from "./kernel-harness.ts";
import { mostRows, queryRecord, stateRecord, workspace } from "./row-records.ts";
import { softmaxF32 } from "./softmax-f32.ts";
import { tileTokens } from "./tile-layout.ts";

const scoreKinds: Readonly<Record<string, (length: number) => Float32Array>> = {
  normal: (length) => inputs("normal", length, 5).map((x) => x * 10),
  "far apart": (length) => inputs("normal", length, 5).map((x) => x * 1e5),
  "all equal": (length) => new Float32Array(length).fill(-123.456),
  "zero of both signs": (length) => inputs("zero", length),
};

for (const { name, kernels, put, get, clear } of await kernelHarnesses([alone(softmaxF32)])) {
  const run = (scores: Float32Array, limits: readonly number[], maxima: Float32Array, sums: Float32Array) => {
    clear();
    const rows = limits.length;
    const query = new Int32Array(queryRecord.numbers / 4);
    query[queryRecord.rows / 4] = rows;
    query.set(limits, queryRecord.limits / 4);
    const state = new Float32Array(stateRecord.values / 4);
    state.set(maxima, stateRecord.maxima / 4);
    state.set(sums, stateRecord.sums / 4);
    const work = new Float32Array(workspace.bytes / 4).fill(Number.NaN);
    work.set(scores);
    const [workAddress, stateAddress] = [put(work), put(state)];
    const isCausal = limits.some((limit) => limit < tileTokens) ? 1 : 0;
    kernels.softmaxF32Alone!(put(query), workAddress, stateAddress, limits.at(-1)!, isCausal);
    const part = (offset: number, source: Float32Array) => source.slice(offset / 4, offset / 4 + rows);
    const workAfter = get(Float32Array, workAddress, work.length);
    const stateAfter = get(Float32Array, stateAddress, state.length);
    return {
      weights: workAfter.slice(0, rows * tileTokens),
      keep: part(workspace.keep, workAfter),
      part: part(workspace.part, workAfter),
      maxima: part(stateRecord.maxima, stateAfter),
      sums: part(stateRecord.sums, stateAfter),
    };
  };

  test.for(Object.keys(scoreKinds))(`${name}: weights of scores that are %s, and the states with them`, (kind) => {
    for (const limits of [
      new Array(6).fill(tileTokens),
      [1, 1, 2, 2, 3],
      [60, 61, 61, 80],
      [15, 16, 17],
      [tileTokens - 1, tileTokens],
      [33],
    ]) {
      const rows = limits.length;
      const scores = scoreKinds[kind]!(rows * tileTokens);
      const maxima = Float32Array.from(limits, (_, row) => [-1e30, 5, 1000, -1e30, -200, 0][row]!);
      const sums = Float32Array.from(limits, (_, row) => [0, 7, 1, 0, 100, 1][row]!);
      const got = run(scores, limits, maxima, sums);
      limits.forEach((limit, row) => {
        const exponents = scores.slice(row * tileTokens, row * tileTokens + limit);
        const largest = Math.max(...exponents);
        const weights = Array.from(
          exponents,
          (x) => 2 ** (Math.fround(x - largest) > -126 ? Math.fround(x - largest) : -1e9),
        );
        const maximum = Math.max(largest, maxima[row]!);
        const keep = 2 ** (maxima[row]! - maximum);
        const part = 2 ** (largest - maximum);
        expect(got.maxima[row]).toBe(Math.fround(maximum));
        expect(got.keep[row]).toBeCloseTo(keep, 6);
        expect(got.part[row]).toBeCloseTo(part, 6);
        const sum = sums[row]! * keep + weights.reduce((a, b) => a + b) * part;
        expect(Math.abs(got.sums[row]! / sum - 1)).toBeLessThan(1e-6);
        const gotWeights = got.weights.slice(row * tileTokens, (row + 1) * tileTokens);
        const error = weights.map((weight, key) => Math.abs(gotWeights[key]! - weight) - weight * 3e-7);
        expect(Math.max(...error)).toBeLessThanOrEqual(0);
        const hidden = gotWeights.slice(limit, Math.ceil(limits.at(-1)! / 16) * 16);
        expect(hidden.every((weight) => weight === 0)).toBe(true);
      });
    }
  });

  test(`${name}: a row's bits do not depend on the rows beside it, nor on keys that it does not see`, () => {
    const scores = inputs("normal", mostRows * tileTokens, 8);
    const row = scores.slice(0, tileTokens);
    const one = run(row, [50], Float32Array.of(1), Float32Array.of(2));
    const six = run(
      scores,
      [50, 51, 52, 53, 54, tileTokens],
      inputs("normal", 6).fill(1, 0, 1),
      inputs("normal", 6).map(Math.abs).fill(2, 0, 1),
    );
    for (const field of ["keep", "part", "maxima", "sums"] as const) expect(six[field][0]).toBe(one[field][0]);
    expect(six.weights.slice(0, 64)).toEqual(one.weights.slice(0, 64));
  });
}
