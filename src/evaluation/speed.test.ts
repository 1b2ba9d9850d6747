import { expect, test } from "vitest";
import { evaluate } from "./evaluate.ts";
import { createHaystack } from "./haystack.ts";
import { openTestPlan, untold } from "./node/test-target.ts";
import type { SpeedSample } from "./result.ts";
import { rates, speedCells, speedTrials } from "./speed.ts";
import type { Target, TimeRequest, Times } from "./target.ts";
import type { Plan } from "./trial.ts";

test("the first token of an answer comes with reading: it is not waited for again", () => {
  const times = { promptTokens: 100, prefillSeconds: 4, completionTokens: 33, decodeSeconds: 8 };
  expect(rates(times)).toEqual({ prefillRate: 25, decodeRate: 4 });
});

test("cells have medians", () => {
  const identity = { suite: "speed", task: "speed", method: "none", factor: 1, length: 64, promptHash: "" } as const;
  const samples = [9, 1, 2, 4].map(
    (rate, index): SpeedSample => ({ ...identity, index, prefillRate: rate, decodeRate: 10 * rate, cacheBytes: 7 }),
  );
  const { promptHash, ...measured } = identity;
  expect(speedCells(samples)).toEqual([{ ...measured, samples: 4, prefillRate: 3, decodeRate: 30, cacheBytes: 7 }]);
  expect(speedCells(samples.slice(0, 3))[0]!.decodeRate).toBe(20);
});

test("a model's answers are made at the length that is planned, whatever ends them, in turns, and their cache is counted", async () => {
  const { plan, target } = await openTestPlan(["none", "yarn-dynamic"], { lengths: [64, 300], samples: 2 });
  await using _ = target;
  const trials = speedTrials(plan);
  expect(trials.slice(0, 4).map(({ id, alone }) => [id, alone])).toEqual([
    ["speed/none/1/64/0", true],
    ["speed/yarn-dynamic/4/64/0", true],
    ["speed/none/1/64/1", true],
    ["speed/yarn-dynamic/4/64/1", true],
  ]);
  const { cells, samples } = await evaluate(plan, { suites: ["speed"], signal: untold.signal });
  expect(samples.map(({ usedFactor }) => usedFactor)).toEqual([1, 1, 1, 1, 1, 2, 1, 2]);
  expect(samples[0]!.promptHash).toBe(samples[1]!.promptHash);
  expect(samples[0]!.promptHash).not.toBe(samples[2]!.promptHash);
  // Keys and values of 4 layers, 2 heads of 32 numbers, 4 bytes each, in blocks of 128 tokens.
  const block = 2 * 4 * 2 * 32 * 4 * 128;
  const bytes = cells.map((cell) => (cell.suite === "speed" ? cell.cacheBytes : undefined));
  for (const [i, blocks] of [1, 1, 3, 3].entries()) expect(bytes[i]! / block).toBeCloseTo(blocks, 1);
});

test("what a server refuses, ends at once or sends at once has no rate: it is in no cell, and not for want of room", async () => {
  const none = { promptTokens: 0, prefillSeconds: 0, completionTokens: 0, decodeSeconds: 0 };
  const times: Readonly<Record<number, Times>> = {
    100: { ...none, refused: true },
    200: { ...none, promptTokens: 168, prefillSeconds: 1, completionTokens: 1 },
    300: { ...none, promptTokens: 268, prefillSeconds: 1, completionTokens: 32 },
    400: { promptTokens: 368, prefillSeconds: 1, completionTokens: 32, decodeSeconds: 1 },
  };
  const target = {
    subject: { kind: "endpoint", name: "a", nativeWindow: 256, originalWindow: 256 },
    concurrency: 1,
    prepare: async () => {},
    countTokens: async (text: string) => text.split(" ").length,
    time: async ({ length }: TimeRequest) => times[length],
  } as unknown as Target;
  const plan: Plan = {
    ...{ target, methods: [], ways: [{ name: "endpoint", factor: 1 }], lengths: [2, 100, 200, 300, 400] },
    ...{ samples: 1, seed: 1, share: 1, cache: "f32" },
    haystack: createHaystack("a", Array.from({ length: 997 }, (_, i) => `w${i} `).join("")),
  };
  const { cells, samples, omitted } = await evaluate(plan, { suites: ["speed"], signal: untold.signal });
  const timed = samples as readonly SpeedSample[];
  expect(timed.map(({ length, refused, untimed }) => [length, refused, untimed])).toEqual([
    [100, true, undefined],
    [200, undefined, true],
    [300, undefined, true],
    [400, undefined, undefined],
  ]);
  expect(cells).toMatchObject([{ length: 400, prefillRate: 368, decodeRate: 31 }]);
  expect(omitted).toEqual([{ suite: "speed", length: 2 }]);
  for (const { prefillRate, decodeRate } of timed) expect([prefillRate, decodeRate].every(Number.isFinite)).toBe(true);

  const alone = (...lengths: readonly number[]) =>
    evaluate({ ...plan, lengths }, { suites: ["speed"], signal: untold.signal });
  const late = "answers after 200, 300 tokens ended at their first token, or came all at once.";
  await expect(alone(100, 200, 300)).rejects.toMatchObject({
    code: "nothing_measured",
    message: `Nothing was measured: 100 tokens were refused; ${late}`,
  });
  await expect(alone(100)).rejects.toThrow("Nothing was measured: 100 tokens were refused.");
});

test("a server is asked once without counting; as few times as give a median; and needs to be timed", async () => {
  const asked: TimeRequest[] = [];
  const subject = { kind: "endpoint", name: "a", nativeWindow: 256, originalWindow: 256 } as const;
  const target = {
    subject,
    concurrency: 4,
    prepare: async () => {},
    countTokens: async (text: string) => text.split(" ").length,
    time: async (request: TimeRequest) => {
      asked.push(request);
      return { promptTokens: 10, prefillSeconds: asked.length, completionTokens: 5, decodeSeconds: 2 };
    },
  } as unknown as Target;
  const haystack = createHaystack("a", Array.from({ length: 997 }, (_, i) => `w${i} `).join(""));
  const ways = [{ name: "endpoint", factor: 1 }];
  const plan: Plan = {
    target,
    methods: [],
    ways,
    lengths: [100],
    samples: 60,
    seed: 1,
    share: 1,
    haystack,
    cache: "f32",
  };
  const { samples } = await evaluate(plan, { suites: ["speed"], signal: untold.signal });
  expect(samples).toHaveLength(5);
  // The first one took a second, and was not counted.
  expect(samples.map((sample) => (sample as SpeedSample).prefillRate)).toEqual(
    [2, 3, 4, 5, 6].map((time) => 10 / time),
  );
  for (const sample of samples) expect(sample).toMatchObject({ decodeRate: 2 });
  expect(new Set(asked.map(({ text }) => text)).size).toBe(asked.length);
  expect(asked.at(-1)).toMatchObject({ length: 100, maxTokens: 32 });
  expect(asked.at(-1)!.text.split(" ")).toHaveLength(68);
  expect(() => speedTrials({ ...plan, target: { subject } as unknown as Target })).toThrow(/cannot be timed/);
});
