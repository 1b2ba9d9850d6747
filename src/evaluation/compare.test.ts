import { expect, test } from "vitest";
import { compareEvaluations } from "./compare.ts";
import type { ConsistencySample, SpeedSample } from "./result.ts";
import { answers, type Made, makeResult } from "./test-result.ts";

const passages = Array.from({ length: 20 }, (_, i) => -3 + 0.3 * Math.sin(7 * i));
const made: readonly Made[] = ["none", "yarn-static"].flatMap((method) =>
  [256, 512].map((length) => ({ method, length, scores: answers(40, 60), logprobs: passages })),
);

test("a result does not differ from itself", () => {
  const { rows, notes, onlyA, onlyB, equal, outside, expected } = compareEvaluations(
    makeResult(made),
    makeResult(made),
  );
  expect(rows).toHaveLength(8);
  expect(rows.filter(({ differs, changed, probability }) => differs || changed !== 0 || probability !== 1)).toEqual([]);
  expect({ notes, onlyA, onlyB, equal, outside, expected }).toEqual({
    ...{ notes: [], onlyA: [], onlyB: [], equal: 8, outside: 0, expected: 0 },
  });
});

test("what differs in the same questions and passages is found, and the rest is not", () => {
  const changed = made.map((cell) =>
    cell.method === "none" && cell.length === 512
      ? { ...cell, scores: answers(25, 60), logprobs: passages.map((logprob, i) => logprob - 0.05 - 0.001 * (i % 3)) }
      : cell,
  );
  const { rows, outside, equal } = compareEvaluations(makeResult(made), makeResult(changed));
  const differing = rows.filter(({ differs }) => differs);
  expect(differing.map(({ method, length, measure, isRatio }) => [method, length, measure, isRatio])).toEqual([
    ["none", 512, "accuracy", false],
    ["none", 512, "perplexity", true],
  ]);
  expect(differing[0]).toMatchObject({ value: expect.closeTo(-0.25), pairs: 60, changed: 15 });
  expect(differing[1]!.interval![0]).toBeGreaterThan(1.05);
  expect([outside, equal]).toEqual([2, 6]);
});

test("what one of many shows by itself is no difference after the correction for their number", () => {
  const lengths = Array.from({ length: 20 }, (_, i) => 256 + i);
  const before = lengths.map((length): Made => ({ method: "none", length, scores: answers(40, 60) }));
  const after = before.map((cell, i) => (i === 3 ? { ...cell, scores: answers(33, 60) } : cell));
  const { rows, outside } = compareEvaluations(makeResult(before), makeResult(after));
  const [row] = rows.filter(({ changed }) => changed! > 0);
  expect(row!.probability).toBeCloseTo(2 / 2 ** 7, 12);
  expect(row!.adjusted).toBeCloseTo(40 / 2 ** 7, 12);
  expect([row!.differs, outside]).toEqual([false, 1]);
});

test("cells of one result, and settings that differ, are named", () => {
  const a = makeResult(made.filter(({ length }) => length === 256));
  const b = makeResult(
    made.filter(({ method }) => method === "none"),
    { subject: { weights: "q4" } },
  );
  const { onlyA, onlyB, notes } = compareEvaluations(a, b);
  expect(onlyA.map(({ suite, method, length }) => [suite, method, length])).toEqual([
    ["passkey", "yarn-static", 256],
    ["perplexity", "yarn-static", 256],
  ]);
  expect(onlyB.map(({ suite, method, length }) => [suite, method, length])).toEqual([
    ["passkey", "none", 512],
    ["perplexity", "none", 512],
  ]);
  expect(notes).toEqual([{ code: "setting", field: "weights", a: "q8", b: "q4" }]);
});

test("a server is compared with every method", () => {
  const server = makeResult([{ method: "endpoint", length: 512, scores: answers(40, 60) }], {
    subject: { kind: "endpoint" },
  });
  const { rows } = compareEvaluations(makeResult(made), server);
  expect(rows.map(({ method, other, pairs }) => [method, other?.method, pairs])).toEqual([
    ["none", "endpoint", 60],
    ["yarn-static", "endpoint", 60],
  ]);
});

test("perplexities of other tokens are not compared; with nothing else there is nothing to compare", () => {
  const a = makeResult(made);
  const b = makeResult(made, {
    settings: { ...a.settings, text: { ...a.settings.text, tokens: 299 } },
  });
  const { rows, notes } = compareEvaluations(a, b);
  expect(new Set(rows.map(({ measure }) => measure))).toEqual(new Set(["accuracy"]));
  expect(notes).toContainEqual({ code: "tokenizer" });
  const other = makeResult([{ method: "none", length: 300, scores: [1] }]);
  expect(() => compareEvaluations(a, other)).toThrow(/nothing to compare.*length/);
});

test("divergences by their difference, speeds by their ratio, those of other runs never as pairs", () => {
  const identity = { method: "yarn-dynamic", factor: 4, length: 512 };
  const result = (divergence: number, rate: number) => {
    const samples = Array.from({ length: 6 }, (_, index) => index).flatMap(
      (index): (ConsistencySample | SpeedSample)[] => [
        {
          ...{ ...identity, suite: "consistency", task: "steps", index, promptHash: `c${index}`, tokens: 10 },
          ...{ divergence: divergence * (10 + index), agreed: 9, logprob: -30, exactLogprob: -29 },
        },
        {
          ...{ ...identity, suite: "speed", task: "speed", index, promptHash: `s${index}` },
          ...{ prefillRate: rate * (1 + index / 50), decodeRate: 10 },
        },
      ],
    );
    return makeResult([], {
      samples,
      cells: [
        {
          ...{ ...identity, suite: "consistency", task: "steps", samples: 6, divergence, agreement: 0.9 },
          ...{ perplexity: 20, exactPerplexity: 19, perplexityRatio: 20 / 19 },
        },
        { ...identity, suite: "speed", task: "speed", samples: 6, prefillRate: rate, decodeRate: 10 },
      ],
    });
  };
  const { rows } = compareEvaluations(result(0.01, 100), result(0.02, 150));
  const [divergence, perplexity, prefill, decode] = rows;
  expect(divergence).toMatchObject({ measure: "divergence", isRatio: false, pairs: 6, differs: true });
  expect(divergence!.value).toBeCloseTo(0.0125, 10);
  expect(perplexity).toMatchObject({ measure: "perplexity", value: 1, changed: 0, differs: false });
  expect(prefill).toMatchObject({ measure: "prefillRate", isRatio: true, differs: true, value: expect.closeTo(1.5) });
  expect(prefill!.pairs).toBeUndefined();
  expect(decode).toMatchObject({ measure: "decodeRate", value: 1, differs: false });
});
