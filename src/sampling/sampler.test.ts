import fc from "fast-check";
import { expect, test } from "vitest";
import type { SamplingOptions } from "./options.ts";
import { createSampler } from "./sampler.ts";

function draws(options: SamplingOptions, logits: Float32Array, count: number, prompt: number[] = []): number[] {
  const sampler = createSampler(options);
  sampler.observe(prompt);
  return Array.from({ length: count }, () => sampler.sample(logits));
}

const anyOptions = fc.record(
  {
    temperature: fc.double({ min: 0, max: 3, noNaN: true }),
    topK: fc.nat(20),
    topP: fc.double({ min: 0.01, max: 1, noNaN: true }),
    minP: fc.double({ min: 0, max: 1, noNaN: true }),
    repetitionPenalty: fc.double({ min: 0.5, max: 2, noNaN: true }),
    presencePenalty: fc.double({ min: -2, max: 2, noNaN: true }),
    frequencyPenalty: fc.double({ min: -2, max: 2, noNaN: true }),
    seed: fc.nat(),
  },
  { requiredKeys: ["seed"] },
);
const anyLogits = fc
  .array(fc.oneof(fc.float({ min: -50, max: 50, noNaN: true }), fc.constant(Number.NEGATIVE_INFINITY)), {
    minLength: 1,
    maxLength: 30,
  })
  .filter((values) => values.some(Number.isFinite))
  .map((values) => Float32Array.from(values));

test("the same seed gives the same tokens, masked ones are never drawn, and the logits stay as they are", () => {
  fc.assert(
    fc.property(anyOptions, anyLogits, (options, logits) => {
      const before = logits.slice();
      const tokens = draws(options, logits, 8, [0]);
      expect(draws(options, logits, 8, [0])).toEqual(tokens);
      expect(logits).toEqual(before);
      for (const token of tokens) expect(Number.isFinite(logits[token]!)).toBe(true);
    }),
  );
});

test("temperature 0 takes the best token, the lowest id of equal ones", () => {
  expect(draws({ temperature: 0 }, Float32Array.of(1, 3, 3, 2), 3)).toEqual([1, 1, 1]);
});

test("greedy looks at the scores after the penalties", () => {
  // 3 / 2 < 2: after token 1 has been seen in the prompt, token 2 is best; once generated, 2 / 2 < 3 / 2.
  expect(draws({ temperature: 0, repetitionPenalty: 2 }, Float32Array.of(0, 3, 2), 2, [1])).toEqual([2, 1]);
});

test("presence and frequency penalties count generated tokens, not the prompt", () => {
  const logits = Float32Array.of(0, 3, 2.5);
  expect(draws({ temperature: 0, presencePenalty: 1 }, logits, 3, [1, 1, 1])).toEqual([1, 2, 1]);
  expect(draws({ temperature: 0, frequencyPenalty: 1 }, logits, 4, [1])).toEqual([1, 2, 1, 2]);
});

test("draws follow the softmax of the logits over the temperature", () => {
  const probabilities = [0.5, 0.3, 0.15, 0.05];
  const temperature = 0.5;
  const logits = Float32Array.from(probabilities, (probability) => temperature * Math.log(probability) + 3);
  expectDistribution({ temperature, seed: 11 }, logits, probabilities, 16.27); // 3 degrees of freedom, p = 0.001
});

test("the processors work together, in their order", () => {
  // Over temperature 2, probabilities are as the square roots: 0.4, 0.3, 0.2, 0.1. Top-k 3 drops the last one and leaves
  // 4/9, 3/9, 2/9; top-p 0.7 keeps the first two (7/9), which would have been three without top-k (0.4 + 0.3 = 0.7 is
  // too near to tell, hence 0.72): 4/7, 3/7.
  const logits = Float32Array.from([0.16, 0.09, 0.04, 0.01], Math.log);
  expectDistribution({ temperature: 2, topK: 3, topP: 0.72, seed: 5 }, logits, [4 / 7, 3 / 7, 0, 0], 10.83);
  expectDistribution({ temperature: 2, topP: 0.72, seed: 5 }, logits, [4 / 9, 3 / 9, 2 / 9, 0], 13.82);
  // Min-p 0.6 of 0.4 keeps 0.3 and drops 0.2.
  expectDistribution({ temperature: 2, minP: 0.6, seed: 5 }, logits, [4 / 7, 3 / 7, 0, 0], 10.83);
});

function expectDistribution(options: SamplingOptions, logits: Float32Array, probabilities: number[], bound: number) {
  const count = 20_000;
  const counts = new Array<number>(logits.length).fill(0);
  for (const token of draws(options, logits, count)) counts[token]!++;
  let chiSquare = 0;
  for (const [token, probability] of probabilities.entries()) {
    if (probability === 0) expect(counts[token]).toBe(0);
    else chiSquare += (counts[token]! - count * probability) ** 2 / (count * probability);
  }
  expect(chiSquare).toBeLessThan(bound);
}

test("without a seed a random one is taken, and it reproduces the draws", () => {
  const logits = new Float32Array(1000);
  const first = createSampler();
  const second = createSampler();
  expect(first.seed).not.toBe(second.seed);
  const tokens = Array.from({ length: 5 }, () => first.sample(logits));
  expect(draws({ seed: first.seed }, logits, 5)).toEqual(tokens);
});

test("topK 1 is greedy at any temperature", () => {
  expect(draws({ temperature: 5, topK: 1, seed: 1 }, Float32Array.of(1, 1.001, 0.9), 50)).toEqual(
    new Array(50).fill(1),
  );
});

test("a vocabulary of a real model's size works, also when it changes its size", () => {
  const sampler = createSampler({ topP: 0.9, topK: 50, seed: 3 });
  const logits = Float32Array.from({ length: 152_064 }, (_, token) => (token === 150_000 ? 40 : (token % 97) / 10));
  expect(sampler.sample(logits)).toBe(150_000);
  expect(sampler.sample(Float32Array.of(0, 50))).toBe(1);
});

test("damaged logits are an error, also for greedy, and are not counted", () => {
  const sampler = createSampler({ temperature: 0, presencePenalty: 2 });
  const damaged = Float32Array.of(1, Number.NaN);
  expect(() => sampler.sample(damaged)).toThrow(expect.objectContaining({ code: "invalid_logits" }));
  expect(sampler.sample(Float32Array.of(1, 0))).toBe(0);
});

test("wrong options and wrong prompt tokens are refused", () => {
  expect(() => createSampler({ topP: 0 })).toThrow(expect.objectContaining({ option: "topP" }));
  for (const token of [-1, 0.5, Number.NaN]) {
    expect(() => createSampler().observe([1, token])).toThrow(expect.objectContaining({ option: "tokens" }));
  }
});
