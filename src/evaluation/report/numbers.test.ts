import { expect, test } from "vitest";
import * as numbers from "./numbers.ts";

test("numbers have three digits, and no more zeros than that", () => {
  const values = [22.249, 0.04312, 1240.4, 99.99, 3.2e-7, 0, 5e9, Number.POSITIVE_INFINITY];
  expect(values.map(numbers.formatNumber)).toEqual(["22.2", "0.0431", "1,240", "100", "3.2e-7", "0", "5.0e+9", "∞"]);
});

test("lengths, sizes and times have their units", () => {
  expect([512, 4096, 131_072, 10_000].map(numbers.formatLength)).toEqual(["512", "4K", "128K", "10,000"]);
  expect([512, 1536, 3 * 2 ** 30].map(numbers.formatBytes)).toEqual(["512 B", "1.5 KiB", "3 GiB"]);
  expect([4.321, 65, 7384].map(numbers.formatDuration)).toEqual(["4.32 s", "1 min 05 s", "2 h 03 min"]);
});
