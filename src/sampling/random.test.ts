import { expect, test } from "vitest";
import { createRandom, expandSeed, randomSeed, xoshiro128StarStar } from "./random.ts";

test("xoshiro128** gives the published generator's numbers", () => {
  const next = xoshiro128StarStar([1, 2, 3, 4]);
  expect(Array.from({ length: 10 }, next)).toEqual([
    11520, 0, 5927040, 70819200, 2031721883, 1637235492, 1287239034, 3734860849, 3729100597, 4258142804,
  ]);
});

test("the seed is expanded by splitmix64", () => {
  // Its published first outputs for 1234567: 6457827717110365317, 3203168211198807973.
  const words = (value: bigint) => [Number(value & 0xffffffffn), Number(value >> 32n)];
  expect(expandSeed(1234567)).toEqual([...words(6457827717110365317n), ...words(3203168211198807973n)]);
});

test.each([
  [0, [0.870254774404272, 0.6697971505310978, 0.3616586206733957]],
  [42, [0.4137016681565887, 0.003983993377814743, 0.6500837027638867]],
  [Number.MAX_SAFE_INTEGER, [0.2871189810310325, 0.1540904543499252, 0.6056109088751621]],
])("seed %d always starts with the same numbers", (seed, numbers) => {
  const random = createRandom(seed);
  expect(Array.from(numbers, () => random.next())).toEqual(numbers);
});

test("numbers are uniform in [0, 1)", () => {
  const random = createRandom(7);
  const buckets = new Array<number>(16).fill(0);
  const draws = 32_000;
  for (let index = 0; index < draws; index++) {
    const value = random.next();
    expect(value >= 0 && value < 1).toBe(true);
    buckets[Math.floor(value * buckets.length)]!++;
  }
  const expected = draws / buckets.length;
  const chiSquare = buckets.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
  expect(chiSquare).toBeLessThan(37.7); // 15 degrees of freedom: exceeded once in a thousand
});

test("random seeds are valid and differ", () => {
  const seeds = new Set(Array.from({ length: 100 }, randomSeed));
  expect(seeds.size).toBe(100);
  for (const seed of seeds) expect(Number.isSafeInteger(seed) && seed >= 0).toBe(true);
});
