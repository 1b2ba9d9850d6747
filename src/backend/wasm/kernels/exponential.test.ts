import { expect, test } from "vitest";
import { defineKernel } from "../builder/kernel.ts";
import { byteWeights, exponentBits, exponentOffset, largestWeight, powerOfTwo } from "./exponential.ts";
import { kernelHarnesses, normalNumbers } from "./kernel-harness.ts";

const parameters = { from: "address", to: "address", vectors: "i32" } as const;

const powers = defineKernel("powers", parameters, (code, { from, to, vectors }) => {
  const [source, target] = [code.local("address", from), code.local("address", to)];
  code.repeat(vectors, () => {
    code.store(target, powerOfTwo(code, code.load(source)));
    for (const address of [source, target]) code.advance(address, 16);
  });
});

// Sixteen unsigned 16-bit numbers to a vector of bytes.
const weights = defineKernel("weights", parameters, (code, { from, to, vectors }) => {
  const [source, target] = [code.local("address", from), code.local("address", to)];
  code.repeat(vectors, () => {
    code.store(target, byteWeights(code, code.load(source), code.load(source, 16)));
    code.advance(source, 32);
    code.advance(target, 16);
  });
});

for (const { name, kernels, put, room, get, clear } of await kernelHarnesses([powers, weights])) {
  const powersOf = (numbers: Float32Array) => {
    clear();
    const to = room(numbers.byteLength);
    kernels.powers!(put(numbers), to, numbers.length / 4);
    return get(Float32Array, to, numbers.length);
  };

  const weightsOf = (steps: Uint16Array) => {
    clear();
    const to = room(steps.length);
    kernels.weights!(put(steps), to, steps.length / 16);
    return get(Uint8Array, to, steps.length);
  };

  test(`${name}: powers of two have float32's precision`, () => {
    const normal = normalNumbers();
    const exponents = Float32Array.from({ length: 40_000 }, (_, i) => -Math.abs(normal() * (i % 2 === 0 ? 1 : 60)));
    const got = powersOf(exponents);
    let largest = 0;
    exponents.forEach((x, i) => {
      if (x > -126) largest = Math.max(largest, Math.abs(got[i]! / 2 ** x - 1));
      else expect(got[i]).toBe(0);
    });
    expect(largest).toBeLessThan(2e-7);
  });

  test(`${name}: powers of two are exact where they must be`, () => {
    const exact = [0, -0, -1, -2, -125];
    expect([...powersOf(Float32Array.of(...exact, -126, -1e30, Number.NEGATIVE_INFINITY))]).toEqual([
      ...exact.map((x) => 2 ** x),
      0,
      0,
      0,
    ]);
  });

  test(`${name}: what is no number has no power of two`, () => {
    const [a, b, c, d] = powersOf(Float32Array.of(Number.NaN, -1, Number.NaN, -200));
    expect([a, b, c, d]).toEqual([Number.NaN, 0.5, Number.NaN, 0]);
  });

  test(`${name}: weights are 127 · 2^-x, rounded, for all that can be`, () => {
    clear();
    const first = exponentOffset << exponentBits;
    const got = weightsOf(Uint16Array.from({ length: 65536 - first }, (_, i) => first + i));
    // The polynomial's error, and up to half a unit twice, of which the first is of 1/256.
    const excess = Array.from(got, (weight, i) => {
      const exact = largestWeight * 2 ** -(i / 2 ** exponentBits);
      return Math.abs(weight - exact) - exact * 0.0018;
    });
    expect(Math.max(...excess.slice(0, 2 ** 15), ...excess.slice(2 ** 15))).toBeLessThan(0.51);
    expect(got[0]).toBe(largestWeight);
    expect(got.at(-1)).toBe(0);
  });

  test(`${name}: weights above the largest are the largest`, () => {
    const first = exponentOffset << exponentBits;
    const octave = 1 << exponentBits;
    const got = weightsOf(Uint16Array.from({ length: octave }, (_, i) => first - octave + i));
    expect(Math.min(...got)).toBeGreaterThanOrEqual(largestWeight - 1);
    expect(Math.max(...got)).toBe(largestWeight);
  });
}
