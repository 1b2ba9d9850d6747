import { expect, test } from "vitest";
import * as numbers from "./format-number.ts";

test("nothing is said to be all or none that is not, and intervals hold no less than they do", () => {
  expect([0, 0.004, 0.5, 0.996, 1].map(numbers.formatRate)).toEqual(["0%", "<1%", "50%", ">99%", "100%"]);
  expect(numbers.formatRateInterval([0.0349, 0.141])).toBe("3–15");
  expect(numbers.formatRateInterval([0.29, 0.57])).toBe("29–57");
});

test("amounts have three digits, changes their sign", () => {
  const values = [22.249, 0.0123, 1850.4, 1.26e-4, 0];
  expect(values.map(numbers.formatAmount)).toEqual(["22.2", "0.0123", "1850", "1.3e-4", "0"]);
  expect([1.104, 0.9, 1, 1.00000123].map(numbers.formatChange)).toEqual(["+10.4%", "−10.0%", "0%", "+0.00012%"]);
});
