import { expect, test } from "vitest";
import { operationHarnesses } from "../kernels/kernel-harness.ts";
import { tileTokens, tileTypes } from "../kernels/tile-layout.ts";
import { attentionKernels, itemTokens, partialBytes, spanCount, spanTiles } from "./attention.ts";
import { type AttentionShape, prefill, randomInputs, relativeErrors, TestCache } from "./attention-harness.ts";
import { cacheKernels } from "./cache.ts";

const usual: AttentionShape = { type: "f32", tokens: 300, group: 7, keyValueHeads: 2, headDim: 64, pairs: 32 };
const longContext = tileTokens * spanTiles * 2 + 200;

for (const harness of await operationHarnesses([...attentionKernels, ...cacheKernels])) {
  const { name } = harness;

  test.for([
    usual,
    { ...usual, group: 1, headDim: 128, pairs: 64, tokens: 150 },
    { ...usual, group: 5, headDim: 20, pairs: 7, tokens: 131 },
    { ...usual, group: 8, keyValueHeads: 1, headDim: 16, pairs: 0, tokens: 129 },
    { ...usual, group: 3, keyValueHeads: 1, headDim: 6, pairs: 3, tokens: 2100 },
  ])(`${name}: f32 attention of group $group, headDim $headDim, $tokens tokens is exact`, (shape) => {
    const inputs = randomInputs(shape);
    expect(relativeErrors(shape, inputs, prefill(harness, shape, inputs)).largest).toBeLessThan(5e-6);
  });

  test(`${name}: f16 attention is as exact as its keys and values are`, () => {
    const shape: AttentionShape = { ...usual, type: "f16", pairs: 0 };
    const inputs = randomInputs(shape);
    const out = prefill(harness, shape, inputs);
    const half = (numbers: Float32Array) => numbers.map(Math.f16round);
    const rounded = { ...inputs, keys: half(inputs.keys), values: half(inputs.values) };
    expect(relativeErrors(shape, rounded, out).largest).toBeLessThan(5e-6);
  });

  test.for([usual, { ...usual, headDim: 128, pairs: 64, group: 4 }, { ...usual, headDim: 20, pairs: 10 }])(
    `${name}: q8 attention of group $group, headDim $headDim is near`,
    ({ ...shape }) => {
      const q8: AttentionShape = { ...shape, type: "q8", tokens: 700 };
      const inputs = randomInputs(q8);
      const { mean, largest } = relativeErrors(q8, inputs, prefill(harness, q8, inputs));
      expect(mean).toBeLessThan(0.016);
      expect(largest).toBeLessThan(0.05);
    },
  );

  test(`${name}: q8 attention of queries in two planes is nearer`, () => {
    const q8: AttentionShape = { ...usual, type: "q8", tokens: 700 };
    // Keys that their bytes hold exactly, so that only the queries' errors are left, and those of the values.
    const inputs = { ...randomInputs(q8), cos: new Float32Array(700 * 32).fill(1), sin: new Float32Array(700 * 32) };
    for (const [i, key] of inputs.keys.entries())
      inputs.keys[i] = i % q8.headDim === 0 ? 127 / 32 : Math.max(-127, Math.min(127, Math.round(key * 32))) / 32;
    const coarse = relativeErrors(q8, inputs, prefill(harness, q8, inputs));
    const fine = relativeErrors(q8, inputs, prefill(harness, { ...q8, isFine: true }, inputs));
    expect(fine.mean).toBeLessThan(coarse.mean * 0.85); // the rest are the values'
  });

  test(`${name}: weights that are nearly all one key's, at any size of scores`, () => {
    for (const type of tileTypes) {
      const shape: AttentionShape = { ...usual, type, tokens: 300, group: 2, keyValueHeads: 1, pairs: 0 };
      const inputs = randomInputs(shape);
      // Scores of some thousands, the largest at one key.
      inputs.queries.fill(30);
      inputs.keys.fill(30);
      inputs.keys.fill(31, 77 * shape.headDim, 78 * shape.headDim);
      const out = prefill(harness, shape, inputs);
      expect(relativeErrors(shape, inputs, out).largest).toBeLessThan(type === "q8" ? 0.01 : 1e-3);
    }
  });

  for (const { type, isFine = false, window } of [
    ...tileTypes.map((type) => ({ type })),
    { type: "q8" as const, isFine: true },
    ...tileTypes.map((type) => ({ type, window: 17 })),
    ...tileTypes.map((type) => ({ type, window: tileTokens })),
    ...tileTypes.map((type) => ({ type, window: tileTokens * spanTiles + 77 })),
  ] as readonly Pick<AttentionShape, "type" | "isFine" | "window">[]) {
    const kind = `${type}${isFine ? " fine" : ""}${window === undefined ? "" : ` in a window of ${window} tokens`}`;
    test(`${name}: ${kind} rows have the same bits in items of any size, and with their spans apart`, () => {
      const shape: AttentionShape = {
        ...usual,
        type,
        isFine,
        ...(window === undefined ? {} : { window }),
        tokens: longContext,
        keyValueHeads: 1,
        headDim: 32,
        pairs: 16,
      };
      const inputs = randomInputs(shape);
      const cache = new TestCache(harness, shape, inputs);
      const last = longContext - (longContext % tileTokens);
      for (let start = 0; start < last; start += tileTokens) {
        cache.write(start, tileTokens);
        cache.finishTile(start / tileTokens);
      }
      cache.write(last, longContext - last);
      const rows = longContext - last;
      const whole = cache.attend(last, rows, itemTokens);
      expect(whole.every(Number.isFinite)).toBe(true);
      for (const itemSize of [1, 2, 5, 17]) expect(cache.attend(last, rows, itemSize)).toEqual(whole);
      for (const itemSize of [1, 3, itemTokens]) expect(cache.attend(last, rows, itemSize, true)).toEqual(whole);
    });
  }

  test.for([1, 5, 31, 100, 127, 128, 129, 200, 256, 2200])(
    `${name}: a window of %i tokens begins exactly there, for all types`,
    (window) => {
      const tokens = Math.min(longContext, window + 300);
      for (const type of tileTypes) {
        const shape: AttentionShape = {
          ...usual,
          type,
          tokens,
          window,
          group: 2,
          keyValueHeads: 1,
          headDim: 16,
          pairs: 0,
        };
        const inputs = randomInputs(shape);
        // One key takes nearly all weight, wherever it is seen, and its value is large.
        const key = 140;
        inputs.queries.fill(10);
        inputs.keys.fill(0);
        inputs.keys.fill(4, key * 16, (key + 1) * 16);
        inputs.values.fill(1);
        inputs.values.fill(100, key * 16, (key + 1) * 16);
        const out = prefill(harness, shape, inputs);
        const seeing = Array.from({ length: tokens }, (_, token) => token).filter(
          (token) => out[token * 32 + 31]! > 50,
        );
        expect(seeing, type).toEqual(Array.from({ length: Math.min(window, tokens - key) }, (_, i) => key + i));
      }
    },
  );

  test.for([
    { ...usual, window: 1 },
    { ...usual, window: 60, group: 3 },
    { ...usual, window: 128, headDim: 20, pairs: 7 },
    { ...usual, window: 200, type: "f16" as const, pairs: 0 },
    { ...usual, window: 250, type: "q8" as const, tokens: 700 },
  ])(`${name}: $type attention over a window of $window tokens is as near as over all`, (shape: AttentionShape) => {
    const inputs = randomInputs(shape);
    const out = prefill(harness, shape, inputs);
    const half = (numbers: Float32Array) => numbers.map(Math.f16round);
    const exact = shape.type === "f16" ? { ...inputs, keys: half(inputs.keys), values: half(inputs.values) } : inputs;
    const { mean, largest } = relativeErrors(shape, exact, out);
    expect(mean).toBeLessThan(shape.type === "q8" ? 0.016 : 5e-6);
    expect(largest).toBeLessThan(shape.type === "q8" ? 0.05 : 5e-6);
  });

  test(`${name}: rows do not depend on what is written after them`, () => {
    const shape: AttentionShape = { ...usual, type: "q8", tokens: 40 };
    const inputs = randomInputs(shape);
    const cache = new TestCache(harness, shape, inputs);
    cache.write(0, 37);
    const before = cache.attend(0, 37, itemTokens);
    cache.write(37, 3);
    expect(cache.attend(0, 37, itemTokens)).toEqual(before);
  });

  test.for([
    { type: "f32" as const },
    { type: "f32" as const, window: 17 },
    { type: "f16" as const },
    { type: "f16" as const, window: 1 },
    { type: "f16" as const, window: 100 },
    { type: "f16" as const, window: 200 },
    { type: "q8" as const }, // of its values, those of the own tile
  ])(`${name}: a value past what $type holds reaches the rows that see it, and no others; window: $window`, (kind) => {
    const shape: AttentionShape = { ...usual, ...kind, keyValueHeads: 1, headDim: 16, pairs: 0 };
    const inputs = randomInputs(shape);
    const rows = prefill(harness, shape, inputs);
    const [columns, { window = shape.tokens }] = [rows.length / shape.tokens, shape];
    for (const key of [0, 5, 60, 127, 130, 255]) {
      const values = inputs.values.map((x, i) => (Math.floor(i / 16) === key ? x / 0 : x));
      const got = prefill(harness, shape, { ...inputs, values });
      for (let token = 0; token < shape.tokens; token++) {
        const row = got.subarray(token * columns, (token + 1) * columns);
        if (token >= key && token < key + window) expect(row.some(Number.isFinite), `${token} sees ${key}`).toBe(false);
        else expect(row, `${token} does not see ${key}`).toEqual(rows.slice(token * columns, (token + 1) * columns));
      }
    }
  });

  test(`${name}: powers of two moved from keys to queries change no bit of f32 attention`, () => {
    const shape: AttentionShape = { ...usual, tokens: 140 };
    const inputs = randomInputs(shape);
    const plain = prefill(harness, shape, inputs);
    const exponents = Array.from({ length: 64 }, (_, channel) => ((channel % 32) % 5) - 2);
    const moved = prefill(harness, shape, inputs, exponents);
    expect(moved).toEqual(plain);
  });
}

test("spans are counted from 1, and partial results have room for all rows", () => {
  const span = tileTokens * spanTiles;
  expect([0, span - 1, span, 2 * span - 1, 64 * span - 1].map(spanCount)).toEqual([1, 1, 2, 2, 64]);
  expect(partialBytes(64, 7, 1)).toBeGreaterThanOrEqual(7 * 64 * 4);
  expect(partialBytes(20, 7, 3) % 64).toBe(0);
});
