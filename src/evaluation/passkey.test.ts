import { expect, test } from "vitest";
import { evaluate } from "./evaluate.ts";
import { openTestPlan, untold } from "./node/test-target.ts";
import { depthParts, passkeyTrials } from "./passkey.ts";
import { accuracyCells } from "./questions.ts";
import type { AccuracySample } from "./result.ts";
import type { AnswerRequest, Target } from "./target.ts";

/** The same target, but that it answers otherwise. */
function inPlaceOf(target: Target, answer: Target["answer"]): Target {
  const { subject, concurrency } = target;
  return {
    ...{ subject, concurrency, answer },
    countTokens: (text) => target.countTokens(text),
    tokenize: (text) => target.tokenize(text),
    score: (request) => target.score(request),
    prepare: (setups, signal) => target.prepare(setups, signal),
    model: (setup) => target.model(setup),
    [Symbol.asyncDispose]: async () => {},
  };
}

/** Remembers what is asked, and answers with what stands in the text. */
function listenTo(target: Target): { readonly asked: AnswerRequest[]; readonly target: Target } {
  const asked: AnswerRequest[] = [];
  const answer = async (request: AnswerRequest) => {
    asked.push(request);
    return request.prompts.map((prompt) => ({ text: /pass key is (\d{5})\. Remember/.exec(prompt)![1]! }));
  };
  return { asked, target: inPlaceOf(target, answer) };
}

test("prompts fill their length with their answers, hold the key at its depth, and are the same in all methods", async () => {
  const { plan, target } = await openTestPlan(["none", "yarn-dynamic"], { lengths: [128, 300], samples: depthParts });
  await using _ = target;
  const { asked, target: listener } = listenTo(target);
  const samples: AccuracySample[] = [];
  for (const trial of passkeyTrials({ ...plan, target: listener }))
    samples.push(...((await trial.run(untold)) as readonly AccuracySample[]));
  expect(samples.map(({ score }) => score)).toEqual(Array(2 * 2 * depthParts).fill(1));
  for (const { prompts, length, maxTokens } of asked) {
    const [prompt = ""] = prompts;
    const tokens = (await target.countTokens(prompt)) + maxTokens;
    expect(tokens).toBeLessThanOrEqual(length);
    expect(tokens).toBeGreaterThan(length - 12); // the next word would have been too much
    expect(prompt.match(/pass key/g)).toHaveLength(4);
    expect(prompt).toMatch(/\nThe pass key is (\d{5})\. Remember it\. \1 is the pass key\.\n/);
  }
  const at300 = samples.filter(({ length, method }) => length === 300 && method === "none");
  expect(at300.map(({ depth }) => Math.floor(depth! * depthParts)).sort()).toEqual([...Array(depthParts).keys()]);
  for (const { depth, promptHash, index } of at300) {
    const other = samples.find((s) => s.length === 300 && s.method === "yarn-dynamic" && s.index === index)!;
    expect(other.promptHash).toBe(promptHash);
    const prompt = asked.find(({ length }, i) => length === 300 && samples[i]!.promptHash === promptHash)!.prompts[0]!;
    const place = prompt.indexOf("The pass key is") / (prompt.length - 110); // without the key's line and the question
    expect(Math.abs(place - depth!)).toBeLessThan(0.06);
  }
  expect(new Set(at300.map(({ expected }) => expected[0])).size).toBe(depthParts);
});

test("a length without room for a question has no samples, and is said to be left out", async () => {
  const { plan, target } = await openTestPlan(["none"], { lengths: [16, 128], samples: 1 });
  await using _ = target;
  const { samples, omitted } = await evaluate(plan, { suites: ["passkey"], signal: untold.signal });
  expect(samples.map(({ length }) => length)).toEqual([128]);
  expect(omitted).toEqual([{ suite: "passkey", length: 16 }]);
  const short = { ...plan, lengths: [16] };
  await expect(evaluate(short, { suites: ["passkey"], signal: untold.signal })).rejects.toThrow(
    /Give longer --lengths/,
  );
});

test("in the window dynamic YaRN answers and scores exactly as no scaling; static does not score so", async () => {
  const { plan, target } = await openTestPlan(["none", "yarn-static", "yarn-dynamic"], { lengths: [256], samples: 4 });
  await using _ = target;
  const { samples } = await evaluate(plan, { suites: ["passkey", "perplexity"], signal: untold.signal });
  const of = (method: string) =>
    samples
      .filter((sample) => sample.method === method)
      .map((sample) => [
        sample.suite,
        sample.promptHash,
        "answer" in sample ? sample.answer : "logprobs" in sample && sample.logprobs,
      ]);
  expect(of("yarn-dynamic")).toEqual(of("none"));
  expect(of("yarn-static")).not.toEqual(of("none"));
  expect(samples.find(({ method }) => method === "yarn-static")!.usedFactor).toBe(4);
  expect(samples.find(({ method }) => method === "yarn-dynamic")!.usedFactor).toBe(1);
});

test("a model that declares scaling computes as it is without any only where it was loaded so", async () => {
  const { plan, target } = await openTestPlan(["none", "yarn-dynamic"]);
  await using _ = target;
  const listener = inPlaceOf(target, (request) => target.answer(request));
  const declaring = { ...listener, subject: { ...target.subject, declared: "dynamic" } };
  const loaded = passkeyTrials({ ...plan, target: declaring, samples: 1 }).map(({ setups }) => setups[0]!.extend);
  expect(loaded).toEqual(["none", "yarn"]);
  expect(passkeyTrials({ ...plan, samples: 1 }).map(({ setups }) => setups[0]!.extend)).toEqual(["yarn", "yarn"]);
});

test("questions that share a text are answered as they are alone, beyond the window too", async () => {
  const { plan, target } = await openTestPlan(["yarn-dynamic"], { lengths: [500], samples: 5, share: 5 });
  await using _ = target;
  const prompts: string[] = [];
  const spy = inPlaceOf(target, (request) => {
    prompts.push(...request.prompts);
    return target.answer(request);
  });
  const [trial] = passkeyTrials({ ...plan, target: spy });
  const together = (await trial!.run(untold)) as readonly AccuracySample[];
  expect(new Set(prompts.map((prompt) => prompt.slice(0, 20))).size).toBe(1);
  const way = plan.ways[0]!;
  for (const [i, prompt] of prompts.entries()) {
    const request = { way, prompts: [prompt], maxTokens: 6, length: 500, signal: untold.signal };
    const [alone] = await target.answer(request);
    expect(alone).toEqual({ text: together[i]!.answer, factor: together[i]!.usedFactor });
  }
  expect(accuracyCells(together, depthParts)[0]!.samples).toBe(5);
});

test("answers that are alike within their groups make an interval wider, never narrower", () => {
  const sample = (index: number, group: number, score: number): AccuracySample => ({
    ...{ suite: "passkey", task: "passkey", method: "none", factor: 1, length: 100, promptHash: "", expected: ["1"] },
    ...{ answer: "", index, group, score, depth: (index % 10) / 10 },
  });
  const alike = Array.from({ length: 40 }, (_, i) => sample(i, Math.floor(i / 10), i < 20 ? 1 : 0));
  const mixed = Array.from({ length: 40 }, (_, i) => sample(i, Math.floor(i / 10), i % 2));
  const alone = mixed.map((one, i) => ({ ...one, group: i }));
  const width = (samples: readonly AccuracySample[]): number => {
    const [low, high] = accuracyCells(samples, 10)[0]!.interval;
    return high - low;
  };
  expect(width(mixed)).toBeCloseTo(width(alone), 12);
  expect(width(alike)).toBeGreaterThan(2 * width(alone));
});
