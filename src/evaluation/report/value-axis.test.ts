import fc from "fast-check";
import { expect, test } from "vitest";
import { ratioTicks, valueAxis } from "./value-axis.ts";

test("ticks of a ratio are round, within the axis, and not too many to read", () => {
  fc.assert(
    fc.property(
      fc.double({ min: -6, max: 9, noNaN: true }),
      fc.double({ min: 0.01, max: 12, noNaN: true }),
      (start, decades) => {
        const [low, high] = [10 ** start, 10 ** (start + decades)];
        const ticks = ratioTicks(low, high);
        expect(ticks.length).toBeLessThanOrEqual(8);
        expect(ticks.length).toBeGreaterThanOrEqual(decades < 0.39 ? 3 : 2);
        for (const tick of ticks) expect(tick >= low * (1 - 1e-9) && tick <= high * (1 + 1e-9)).toBe(true);
        const labels = ticks.map(valueAxis("ratio", [{ value: 1 }]).tickFormat);
        expect(new Set(labels).size).toBe(labels.length);
      },
    ),
  );
});

test("an interval without end does not make the axis endless, and one that fits is on it", () => {
  const wide = valueAxis("ratio", [{ value: 20, interval: [1, Number.POSITIVE_INFINITY] }, { value: 30 }]).scale.domain;
  expect([...wide!]).toEqual([expect.closeTo(20 / 1.5 / 1.06), expect.closeTo(31.8)]);
  const [low, high] = [...valueAxis("ratio", [{ value: 20, interval: [19, 22] }]).scale.domain!] as [number, number];
  expect(low).toBeLessThan(19);
  expect(high).toBeGreaterThan(22);
});
