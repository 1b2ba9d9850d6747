import { expect, test } from "vitest";
import type { Candidates } from "./candidates.ts";
import { keepTopK } from "./top-k.ts";

const candidates: Candidates = { tokens: Uint32Array.of(3, 5, 8, 9), scores: Float64Array.of(1, 4, -2, 3) };

test("the k best stay, with their ids and in their order", () => {
  const kept = keepTopK(candidates, 2);
  expect([...kept.tokens]).toEqual([5, 9]);
  expect([...kept.scores]).toEqual([4, 3]);
});

test("0 and anything from the size on keep all", () => {
  for (const topK of [0, 4, 5, Number.MAX_SAFE_INTEGER])
    expect([...keepTopK(candidates, topK).tokens]).toEqual([3, 5, 8, 9]);
});

test("what ties with the last one stays, as in transformers", () => {
  const tied = { tokens: Uint32Array.of(0, 1, 2, 3), scores: Float64Array.of(1, 2, 1, 0) };
  expect([...keepTopK(tied, 2).tokens]).toEqual([0, 1, 2]);
});
