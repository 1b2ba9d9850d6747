import { afterAll, beforeAll, expect, test } from "vitest";
import { consistencyCells, consistencyTrials } from "./consistency.ts";
import { wilsonInterval } from "./interval.ts";
import { openTestPlan, untold } from "./node/test-target.ts";
import type { ConsistencySample } from "./result.ts";
import type { Plan } from "./trial.ts";

/** @param cells - each a task, method, factor and length */
async function run(plan: Plan, ...cells: readonly string[]): Promise<Record<string, ConsistencySample | undefined>> {
  const trials = await consistencyTrials(plan);
  const found: Record<string, ConsistencySample | undefined> = {};
  for (const cell of cells) {
    const trial = trials.find(({ id }) => id === `consistency/${cell}/0/1`)!;
    await plan.target.prepare(trial.setups, untold.signal);
    const [sample] = (await trial.run(untold)) as readonly ConsistencySample[];
    found[cell] = sample;
  }
  return found;
}

let opened: Awaited<ReturnType<typeof openTestPlan>>;
beforeAll(async () => {
  const methods = ["yarn-static", "yarn-dynamic", "yarn-continuous"];
  opened = await openTestPlan(methods, { lengths: [256, 258, 400, 512, 560], samples: 1 });
});
afterAll(() => opened.target[Symbol.asyncDispose]());

test("recomputing is a fresh sequence bit for bit, in steps and continuously; turning keys is not, and nearly is", async () => {
  const growing = ["yarn-dynamic/4/560", "yarn-continuous/4/400"];
  const tasks = growing.flatMap((of) => [`growth-recompute/${of}`, `growth-rerotate/${of}`]);
  const tooShort = "growth-rerotate/yarn-dynamic/4/258";
  const found = await run(opened.plan, tooShort, ...tasks);
  expect(found[tooShort]).toBeUndefined();
  for (const of of growing) {
    const { divergence, agreed, tokens, logprob, exactLogprob } = found[`growth-recompute/${of}`]!;
    expect([divergence, agreed, logprob]).toEqual([0, tokens, exactLogprob]);
    const turned = found[`growth-rerotate/${of}`]!;
    expect(turned.exactLogprob).toBe(exactLogprob);
    expect(turned.divergence / tokens).toBeGreaterThan(1e-7);
    expect(turned.divergence / tokens).toBeLessThan(0.05); // a key that is turned wrongly makes it several nats
    expect(turned.seconds).toBeGreaterThan(0);
  }
  expect(found["growth-rerotate/yarn-dynamic/4/560"]).toMatchObject({ usedFactor: 4, tokens: 560 - 512 - 2 });
  expect(found["growth-rerotate/yarn-continuous/4/400"]).toMatchObject({
    usedFactor: 400 / 256,
    tokens: 400 - 384 - 2,
  });
});

test("what needs no other factor than it gets is the continuous one exactly: in the window, and where a step ends", async () => {
  const dynamic = (length: number): string => `steps/yarn-dynamic/4/${length}`;
  const found = await run(opened.plan, dynamic(256), dynamic(384), dynamic(512), "steps/yarn-static/4/512");
  expect(found[dynamic(256)]).toMatchObject({ divergence: 0, agreed: 255, tokens: 255, usedFactor: 1 });
  expect(found[dynamic(512)]).toMatchObject({ divergence: 0, agreed: 511, tokens: 511, usedFactor: 2 });
  expect(found[dynamic(384)]).toMatchObject({ usedFactor: 2 }); // which nobody asked for: between the steps
  expect(found[dynamic(384)]!.divergence / 383).toBeGreaterThan(1e-4);
  expect(found["steps/yarn-static/4/512"]).toMatchObject({ usedFactor: 4 });
  expect(found["steps/yarn-static/4/512"]!.divergence / 511).toBeGreaterThan(1e-4);
});

test("caches diverge from 32 bits, the smaller the more", async () => {
  const ofHalf = "cache-f16/yarn-dynamic/4/400";
  const ofQuarter = "cache-q8/yarn-dynamic/4/400";
  const { [ofHalf]: half, [ofQuarter]: quarter } = await run(opened.plan, ofHalf, ofQuarter);
  expect(half!.divergence).toBeGreaterThan(0);
  expect(quarter!.divergence).toBeGreaterThan(half!.divergence);
  expect(quarter!.divergence / quarter!.tokens).toBeLessThan(2e-3); // what it may cost: CONTRIBUTING.md
  expect(quarter!.exactLogprob).toBe(half!.exactLogprob);
});

test("servers, and methods that never change their factor, are refused with the reason", async () => {
  const subject = { kind: "endpoint", name: "a", nativeWindow: 256, originalWindow: 256 };
  const plan = { target: { subject }, methods: [], samples: 1, lengths: [256] } as unknown as Plan;
  await expect(consistencyTrials(plan)).rejects.toThrow(/logits.*no server returns/);
  const model = { ...plan, target: { subject: { ...subject, kind: "model" } } } as unknown as Plan;
  await expect(consistencyTrials(model)).rejects.toThrow(/methods: .*add yarn-dynamic/);
});

test("cells are means over tokens; the ratio is of the same passages, and narrower than the perplexities", () => {
  const identity = { suite: "consistency", task: "steps", method: "yarn-dynamic", factor: 4, length: 100 } as const;
  const makeSample = (index: number, logprob: number, seconds: number): ConsistencySample => ({
    ...{ ...identity, index, promptHash: "", tokens: 50, divergence: 5 + index, agreed: 40 + index },
    ...{ logprob, exactLogprob: logprob + 1 + 0.1 * index, seconds, exactSeconds: 1 },
  });
  const [cell] = consistencyCells([makeSample(0, -100, 3), makeSample(1, -200, 1), makeSample(2, -150, 2)]);
  expect(cell).toMatchObject({ ...identity, samples: 3, seconds: 2, exactSeconds: 1 });
  expect(cell!.divergence).toBeCloseTo(6 / 50, 12);
  expect(cell!.agreement).toBeCloseTo(123 / 150, 12);
  // 80, 82 and 84 % differ less than tokens by themselves would: worth no more than all of them.
  expect(cell!.agreementInterval).toEqual(wilsonInterval(cell!.agreement, 150));
  expect(cell!.perplexity).toBeCloseTo(Math.exp(3), 9);
  expect(cell!.perplexityRatio).toBeCloseTo(Math.exp(1.1 / 50), 12);
  expect(cell!.exactPerplexity).toBeCloseTo(cell!.perplexity / cell!.perplexityRatio, 9);
  const width = ([low, high]: readonly [number, number]): number => Math.log(high / low);
  expect(width(cell!.ratioInterval!)).toBeLessThan(width(cell!.interval!) / 100);
  expect(consistencyCells([makeSample(0, -1, 1)])[0]).not.toHaveProperty("divergenceInterval");
});
