import fc from "fast-check";
import { expect, test } from "vitest";
import type { Candidates } from "./candidates.ts";
import { keepTopP } from "./top-p.ts";

function fromProbabilities(...probabilities: number[]): Candidates {
  return {
    tokens: Uint32Array.from(probabilities, (_, index) => index),
    scores: Float64Array.from(probabilities, Math.log),
  };
}

function keptTokens(candidates: Candidates, topP: number): number[] {
  return [...keepTopP(candidates, topP).tokens];
}

test("hand-computed sets", () => {
  const candidates = fromProbabilities(0.1, 0.5, 0.15, 0.25);
  expect(keptTokens(candidates, 0.45)).toEqual([1]);
  expect(keptTokens(candidates, 0.55)).toEqual([1, 3]);
  expect(keptTokens(candidates, 0.8)).toEqual([1, 2, 3]);
  expect(keptTokens(candidates, 0.95)).toEqual([0, 1, 2, 3]);
  expect(keptTokens(candidates, 1)).toEqual([0, 1, 2, 3]);
});

test("the best one stays however small p is", () => {
  expect(keptTokens(fromProbabilities(0.2, 0.3, 0.5), Number.MIN_VALUE)).toEqual([2]);
});

test("of equal ones at the edge, the lower ids stay", () => {
  expect(keptTokens(fromProbabilities(0.2, 0.2, 0.2, 0.2, 0.2), 0.5)).toEqual([0, 1, 2]);
  expect(keptTokens(fromProbabilities(0.2, 0.4, 0.2, 0.2), 0.75)).toEqual([0, 1, 2]);
});

test("masked tokens are never kept below p = 1", () => {
  expect(keptTokens(fromProbabilities(0, 0.6, 0, 0.4), 0.99)).toEqual([1, 3]);
});

test("keeps the smallest set whose mass reaches p, and its ids go with its scores", () => {
  const scores = fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 1, maxLength: 50 });
  fc.assert(
    fc.property(scores, fc.double({ min: 0.01, max: 0.99, noNaN: true }), (values, topP) => {
      const all = { tokens: Uint32Array.from(values, (_, index) => index), scores: Float64Array.from(values) };
      const kept = keepTopP(all, topP);
      expect([...kept.scores]).toEqual([...kept.tokens].map((token) => values[token]));

      const best = Math.max(...values);
      const mass = (list: Iterable<number>) => [...list].reduce((sum, score) => sum + Math.exp(score - best), 0);
      const rounding = 1e-12;
      expect(kept.scores).toContain(best);
      // Reaches p, and would not without its least member.
      expect(mass(kept.scores) / mass(values)).toBeGreaterThanOrEqual(topP - rounding);
      const least = Math.min(...kept.scores);
      if (kept.scores.length > 1) {
        expect((mass(kept.scores) - Math.exp(least - best)) / mass(values)).toBeLessThan(topP + rounding);
      }
      // Nothing outside is better than anything inside.
      const dropped = values.filter((_, token) => !kept.tokens.includes(token));
      for (const score of dropped) expect(score).toBeLessThanOrEqual(least);
    }),
  );
});
