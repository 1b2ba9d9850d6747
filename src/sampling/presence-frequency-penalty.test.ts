import { expect, test } from "vitest";
import { applyPresenceFrequencyPenalty } from "./presence-frequency-penalty.ts";

test("presence counts once, frequency every time", () => {
  const counts = new Map([
    [0, 1],
    [2, 3],
  ]);
  const scores = Float64Array.of(5, 5, 5);
  applyPresenceFrequencyPenalty(scores, counts, 1, 0.5);
  expect([...scores]).toEqual([5 - 1 - 0.5, 5, 5 - 1 - 1.5]);
});

test("negative penalties raise the score; ids outside the vocabulary do nothing", () => {
  const scores = Float64Array.of(0, 0);
  applyPresenceFrequencyPenalty(scores, new Map([[1, 2]]).set(7, 1), -2, 0);
  expect([...scores]).toEqual([0, 2]);
});
