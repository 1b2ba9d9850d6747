import fc from "fast-check";
import { expect, test } from "vitest";
import { concludeEvaluation } from "./conclusion.ts";
import { nameMethod } from "./method-use.ts";
import { answers, type Made, makeResult } from "./test-result.ts";
import { conclusionSentences } from "./texts/conclusion-sentences.ts";

function usesOf(made: readonly Made[]): Readonly<Record<string, readonly string[] | "no verdict">> {
  const { uses } = concludeEvaluation(makeResult(made));
  return Object.fromEntries(uses.map(({ work, best, isTold }) => [work, isTold ? best.map(nameMethod) : "no verdict"]));
}

const wavering = (mean: number) => Array.from({ length: 20 }, (_, i) => mean + 0.3 * Math.sin(7 * i));

test("intervals that overlap give no verdict, and nothing to use", () => {
  const made = [
    { method: "none", length: 512, scores: answers(30, 60) },
    { method: "yarn-dynamic", length: 512, scores: answers(38, 60) },
  ];
  expect(usesOf(made)).toEqual({ long: "no verdict" });
  const [en, zh] = [conclusionSentences(makeResult(made), "en"), conclusionSentences(makeResult(made), "zh")];
  expect(en.join(" ")).toMatch(/no verdict.*intervals overlap/);
  expect(en.join(" ")).not.toMatch(/\buse\b/);
  expect(zh.join("")).toMatch(/不作结论.*区间相互重叠/);
});

test("intervals that do not overlap name the method", () => {
  const made = [
    { method: "none", length: 1024, scores: answers(4, 60) },
    { method: "yarn-dynamic", length: 1024, scores: answers(56, 60) },
  ];
  expect(usesOf(made)).toEqual({ long: ["yarn-dynamic ×4"] });
  const [use, verdict] = conclusionSentences(makeResult(made), "en");
  expect(use).toMatch(/^For long work, beyond the window, use yarn-dynamic ×4/);
  expect(verdict).toContain("at 1024 tokens yarn-dynamic ×4 (93%, 84–98), against none (7%, 2–16)");
});

test("answers decide first, then perplexity between those that answer as well", () => {
  const at = (method: string, length: number, right: number, logprob: number): Made => ({
    ...{ method, length, scores: answers(right, 60), logprobs: wavering(logprob) },
  });
  const made = [
    ...[at("none", 256, 60, -3), at("none", 1024, 4, -3.4)],
    ...[at("yarn-static", 256, 58, -3.1), at("yarn-static", 1024, 56, -3.2)],
    ...[at("yarn-dynamic", 256, 60, -3), at("yarn-dynamic", 1024, 56, -3.2)],
    ...[at("ntk", 256, 60, -3), at("ntk", 1024, 30, -3.1)], // the lowest perplexity, and half of the answers
  ];
  expect(usesOf(made)).toEqual({
    short: ["none", "yarn-dynamic ×4", "ntk ×4"],
    mixed: ["yarn-dynamic ×4"],
    long: ["yarn-static ×4", "yarn-dynamic ×4"],
  });
  const { sameness, staticCosts } = concludeEvaluation(makeResult(made));
  expect(sameness.map(({ method, sameAnswers, samePassages }) => [method, sameAnswers, samePassages])).toEqual([
    ["yarn-dynamic", 60, 20],
    ["ntk", 60, 20],
  ]);
  expect(staticCosts).toMatchObject([{ method: "yarn-static", length: 256, ratio: { pairs: 20 } }]);
  expect(staticCosts[0]!.ratio.value).toBeCloseTo(Math.exp(0.1), 8);
  // Each perplexity is known to some per cent only: the passages that both have tell them apart.
  expect(conclusionSentences(makeResult(made), "en").join(" ")).toMatch(
    /yarn-static ×4 raises perplexity by 10\.5% \(\+10\.5% to/,
  );
});

test("methods that answer best at different lengths are not recommended for both", () => {
  const made = [
    ...[60, 5].map((right, i) => ({ method: "none", length: 256 * (1 + 3 * i), scores: answers(right, 60) })),
    ...[20, 50].map((right, i) => ({ method: "yarn-static", length: 256 * (1 + 3 * i), scores: answers(right, 60) })),
  ];
  expect(usesOf(made)).toEqual({ short: ["none"], mixed: [], long: ["yarn-static ×4"] });
  expect(conclusionSentences(makeResult(made), "en").join(" ")).toContain(
    "no method answers among the best at every length",
  );
});

test("one passage says nothing about what a method costs", () => {
  const made = ["none", "yarn-static"].map((method) => ({
    method,
    length: 256,
    logprobs: [method === "none" ? -3 : -4],
  }));
  expect(usesOf(made)).toEqual({ short: "no verdict" });
  expect(conclusionSentences(makeResult(made), "en").join(" ")).toContain("cannot be said: there is one passage only");
});

test("a dynamic method that does not compute what none does is told of", () => {
  const result = makeResult([
    { method: "none", length: 256, scores: answers(10, 10), logprobs: [-3, -3] },
    { method: "yarn-dynamic", length: 256, scores: answers(9, 10), logprobs: [-3, -3.0001] },
  ]);
  const text = conclusionSentences(result, "en").join(" ");
  expect(text).toContain(
    "should compute what none does, and only 9 of 10 answers and the log probabilities of 1 of 2 passages are the same",
  );
});

test("a server: what it looks like, and where its answers drop", () => {
  const made = [128, 256, 512, 1024].map((length, i) => ({
    ...{ method: "endpoint", length, scores: answers([60, 58, 50, 5][i]!, 60) },
  }));
  const inside = { inside: 1, insideLength: 128, beyond: 0.0833, length: 1024, samples: 60 };
  const reasons = [
    { code: "passkey_drops", values: inside },
    { code: "constructor", values: {} },
  ];
  const behaviour = { kind: "unscaled", reasons } as const;
  const result = makeResult(made, { subject: { kind: "endpoint" }, behaviour });
  const [looks, why, drop] = conclusionSentences(result, "en");
  expect(looks).toMatch(/^The server looks unscaled/);
  expect(why).toBe(
    "Beyond the window less than half as many answers are right as within; pass keys: 100% at 128 tokens, 8% at 1024.",
  );
  expect(drop).toContain("endpoint (83%, 71–91) at 512 tokens, endpoint (100%, 93–100) at 128");
  expect(usesOf(made)).toEqual({});
});

test("what a server refused counts nowhere", () => {
  const made = [
    { method: "none", length: 256, scores: answers(10, 10) },
    { method: "linear", length: 256, scores: answers(0, 10) },
  ];
  const result = makeResult(made);
  const samples = result.samples.map((sample) =>
    sample.method === "linear" && "score" in sample ? { ...sample, refused: true as const } : sample,
  );
  expect(concludeEvaluation({ ...result, samples }).contests).toEqual([]);
});

test("whatever was measured: what is called worse has an interval apart from the best, and both languages say as much", () => {
  const methods = ["none", "yarn-static", "yarn-dynamic", "linear"];
  const cell = fc.record({
    method: fc.constantFrom(...methods),
    length: fc.constantFrom(128, 256, 512),
    scores: fc.array(fc.constantFrom(0, 0.5, 1), { maxLength: 30 }),
    logprobs: fc.array(fc.double({ min: -6, max: -1, noNaN: true }), { maxLength: 4 }),
  });
  const made = fc.uniqueArray(cell, { maxLength: 12, selector: ({ method, length }) => `${method}${length}` });
  fc.assert(
    fc.property(made, (all) => {
      const result = makeResult(all);
      const { contests, uses } = concludeEvaluation(result);
      for (const { measure, best, worse } of contests) {
        expect(best.length).toBeGreaterThan(0);
        if (measure === "perplexity") continue;
        const least = Math.max(...best.map(({ interval }) => interval![0]));
        for (const { interval } of worse) expect(interval![1]).toBeLessThan(least);
      }
      for (const { isTold, work } of uses) {
        const inside = contests.filter(({ length }) => work === "mixed" || length <= 256 === (work === "short"));
        expect(isTold).toBe(inside.some(({ worse }) => worse.length > 0));
      }
      const [en, zh] = [conclusionSentences(result, "en"), conclusionSentences(result, "zh")];
      expect(zh.length).toBe(en.length);
      expect([...en, ...zh].join()).not.toMatch(/NaN|undefined|Infinity/);
    }),
    { numRuns: 60 },
  );
});
