import { expect, test } from "vitest";
import { keepMinP } from "./min-p.ts";

const candidates = {
  tokens: Uint32Array.of(2, 4, 6, 8),
  scores: Float64Array.from([0.1, 0.5, 0.16, 0.24], Math.log),
};

test("tokens below minP times the best probability go", () => {
  expect([...keepMinP(candidates, 0.3).tokens]).toEqual([4, 6, 8]); // 0.15 and above
  expect([...keepMinP(candidates, 0.4).tokens]).toEqual([4, 8]); // 0.2 and above
});

test("0 keeps all, 1 only the best", () => {
  expect([...keepMinP(candidates, 0).tokens]).toEqual([2, 4, 6, 8]);
  expect([...keepMinP(candidates, 1).tokens]).toEqual([4]);
});
