import { expect, test } from "vitest";
import { fitCosts } from "./fit.ts";

const depthsOf = (lengths: readonly number[], noise = (_: number) => 1) =>
  lengths.map((tokens, i) => ({
    tokens,
    seconds: (3e-3 * tokens + 5e-8 * tokens ** 2) * noise(i),
    decodeRate: 1 / ((11e-3 + 4e-7 * tokens) * noise(i + 1)),
  }));

test("costs that grow as they should are found exactly", () => {
  const { read, decode } = fitCosts(depthsOf([1024, 4096, 16384, 65536]));
  expect(read.coefficients[0]).toBeCloseTo(3e-3, 9);
  expect(read.coefficients[1]).toBeCloseTo(5e-8, 14);
  expect(decode.coefficients[0]).toBeCloseTo(11e-3, 9);
  expect(decode.coefficients[1]).toBeCloseTo(4e-7, 13);
  expect(Math.max(read.largestError, decode.largestError)).toBeLessThan(1e-9);
});

test("a knee is seen as an error, and noise stays small", () => {
  const lengths = [1024, 2048, 4096, 8192, 16384, 32768];
  const noisy = fitCosts(depthsOf(lengths, (i) => 1 + 0.03 * (-1) ** i));
  expect(noisy.read.largestError).toBeLessThan(0.06);
  const withKnee = depthsOf(lengths).map((depth) => ({
    ...depth,
    seconds: depth.seconds * (depth.tokens > 8192 ? 2 : 1),
  }));
  expect(fitCosts(withKnee).read.largestError).toBeGreaterThan(0.15);
});

test("one depth is fitted by one term, and no coefficient is negative", () => {
  expect(fitCosts(depthsOf([4096])).read.coefficients[1]).toBe(0);
  const falling = [1, 2, 4].map((tokens) => ({ tokens, seconds: Math.sqrt(tokens), decodeRate: 10 * tokens }));
  for (const { coefficients } of Object.values(fitCosts(falling)))
    expect(Math.min(...coefficients)).toBeGreaterThanOrEqual(0);
});
