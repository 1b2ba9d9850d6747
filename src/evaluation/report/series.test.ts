import { expect, test } from "vitest";
import { colourOf, dashesOf, nameSeries, symbolOf } from "./series.ts";

test("of as many series as somebody may compare no two look alike, in colour or without", () => {
  const series = nameSeries(Array.from({ length: 24 }, (_, index) => `method ${index}`));
  const looks = series.map((each) => [colourOf(each), dashesOf(each), symbolOf(each)].join());
  expect(new Set(looks).size).toBe(series.length);
  const grey = series.slice(0, 8).map((each) => [dashesOf(each), symbolOf(each)].join());
  expect(new Set(grey).size).toBe(8);
});
