import { expect, test } from "vitest";
import { evaluate } from "./evaluate.ts";
import { openTestPlan, untold } from "./node/test-target.ts";
import { perplexityCells, perplexityTrials } from "./perplexity.ts";
import type { PerplexitySample } from "./result.ts";

test("passages are scored by position, whole and sliding, as the model scores them by themselves", async () => {
  const { plan, target } = await openTestPlan(["none"], { lengths: [64], samples: 3 });
  await using _ = target;
  const { cells, samples } = await evaluate(plan, { suites: ["perplexity"], signal: untold.signal });
  const tokens = await target.tokenize(plan.haystack.text);
  const [whole, sliding] = cells.filter((cell) => cell.suite === "perplexity");
  expect([whole!.task, whole!.samples, sliding!.task, sliding!.samples]).toEqual(["whole", 3, "sliding", 3]);
  expect(whole!.positions.map(({ from, to, tokens: count }) => [from, to, count]).slice(0, 2)).toEqual([
    [0, 4, 9], // the first token has no probability
    [4, 8, 12],
  ]);
  const wholes = samples.filter(
    (sample): sample is PerplexitySample => sample.suite === "perplexity" && sample.task === "whole",
  );
  let [sum, count] = [0, 0];
  for (const start of [0, 1, 2].map((i) => 64 * Math.floor((i * Math.floor(tokens.length / 64)) / 3))) {
    const passage = tokens.subarray(start, start + 64);
    const { logprobs } = await target.score({ way: plan.ways[0]!, tokens: passage, signal: untold.signal });
    for (const logprob of Array.from(logprobs).slice(1)) {
      sum += logprob;
      count++;
    }
  }
  expect(wholes.flatMap(({ tokens: scored }) => scored).reduce((a, b) => a + b)).toBe(count);
  expect(whole!.perplexity).toBeCloseTo(Math.exp(-sum / count), 10);
  const last = samples.filter(
    (sample): sample is PerplexitySample => sample.suite === "perplexity" && sample.task === "sliding",
  );
  expect(last.map(({ tokens: scored }) => scored)).toEqual([[16], [16], [16]]);
});

test("a text that is shorter than a length is said to be too short for it", async () => {
  const { plan, target } = await openTestPlan(["none"], { lengths: [64, 50_000], samples: 1 });
  await using _ = target;
  const { omitted } = await evaluate(plan, { suites: ["perplexity"], signal: untold.signal });
  expect(omitted).toEqual([{ suite: "perplexity", length: 50_000 }]);
});

test("no more passages than the text has; few are spread over it", async () => {
  const { plan, target } = await openTestPlan(["none"], { lengths: [1000, 10_000], samples: 4 });
  await using _ = target;
  const trials = await perplexityTrials(plan);
  const count = (length: number, task: string) =>
    trials.filter((trial) => trial.length === length && trial.task === task).length;
  expect([count(1000, "whole"), count(10_000, "whole"), count(10_000, "sliding")]).toEqual([4, 2, 4]);
});

test("a single passage has no interval, since nothing says how far others are from it", () => {
  const sample: PerplexitySample = {
    ...{ suite: "perplexity", task: "sliding", method: "none", factor: 1, length: 8, index: 0, promptHash: "" },
    ...{ logprobs: [-8], tokens: [4] },
  };
  const [cell] = perplexityCells([sample]);
  expect(cell!.perplexity).toBeCloseTo(Math.exp(2), 12);
  expect(cell).not.toHaveProperty("interval");
});
