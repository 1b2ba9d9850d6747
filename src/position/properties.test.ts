import fc from "fast-check";
import { expect, test } from "vitest";
import {
  applyRotary,
  InvalidConfigError,
  type RotaryConfig,
  type RotaryEncoding,
  type RotaryOptions,
  resolveRotaryEncoding,
  rotaryRows,
} from "./index.ts";

/** A few roundings of float32, relative. */
const rounding = 3e-7;

const configs: fc.Arbitrary<RotaryConfig> = fc.record({
  head_dim: fc.integer({ min: 2, max: 64 }).map((half) => 2 * half),
  rope_theta: fc.oneof(fc.constantFrom(1000, 10_000, 500_000, 1_000_000), fc.integer({ min: 2, max: 10_000_000 })),
  max_position_embeddings: fc.oneof(fc.constantFrom(256, 4096, 32_768, 131_072), fc.integer({ min: 1, max: 1e6 })),
});
const factors = fc.oneof(fc.constantFrom(1, 1.5, 2, 4, 8, 32), fc.double({ min: 1, max: 64, noNaN: true }));
const llama3Blocks = fc
  .record({
    factor: factors,
    low: fc.double({ min: 0.5, max: 4, noNaN: true }),
    width: fc.double({ min: 0.5, max: 8, noNaN: true }),
    original: fc.integer({ min: 64, max: 32_768 }),
  })
  .map(({ factor, low, width, original }) => ({
    rope_type: "llama3",
    factor,
    low_freq_factor: low,
    high_freq_factor: low + width,
    original_max_position_embeddings: original,
  }));

function frequencies(config: RotaryConfig, options?: RotaryOptions): Float32Array {
  return resolveRotaryEncoding(config, options).inverseFrequencies;
}

function expectBetween(values: Float32Array, config: RotaryConfig, factor: number): void {
  const original = frequencies(config, { method: "default" });
  values.forEach((value, pair) => {
    expect(value).toBeLessThanOrEqual(original[pair]! * (1 + rounding));
    expect(value).toBeGreaterThanOrEqual((original[pair]! / factor) * (1 - rounding));
  });
}

test("yarn with factor 1 is the default, up to rounding", () => {
  fc.assert(
    fc.property(configs, (config) => {
      const yarn = resolveRotaryEncoding(config, { method: "yarn", factor: 1 });
      expect(yarn.attentionScaling).toBe(1);
      const plain = frequencies(config);
      yarn.inverseFrequencies.forEach((value, pair) => {
        expect(Math.abs(value - plain[pair]!)).toBeLessThanOrEqual(plain[pair]! * rounding);
      });
    }),
  );
});

test("frequencies of yarn and linear lie between the interpolated and the original ones", () => {
  fc.assert(
    fc.property(configs, factors, fc.constantFrom("yarn" as const, "linear" as const), (config, factor, method) => {
      expectBetween(frequencies(config, { method, factor }), config, factor);
    }),
  );
});

test("frequencies of llama3 lie between the interpolated and the original ones", () => {
  fc.assert(
    fc.property(configs, llama3Blocks, (config, block) => {
      expectBetween(frequencies({ ...config, rope_scaling: block }), config, block.factor);
    }),
  );
});

test("frequencies of linear are the interpolated ones, whatever the pair", () => {
  fc.assert(
    fc.property(configs, factors, (config, factor) => {
      const plain = frequencies(config);
      frequencies(config, { method: "linear", factor }).forEach((value, pair) => {
        expect(Math.abs(value * factor - plain[pair]!)).toBeLessThanOrEqual(plain[pair]! * rounding);
      });
    }),
  );
});

test("dynamic is the default within the window, and past it never faster and never above a longer one", () => {
  const wide = configs.filter((config) => config.head_dim !== 2);
  fc.assert(
    fc.property(wide, factors, fc.double({ min: 0, max: 8, noNaN: true }), (config, factor, windows) => {
      const window = config.max_position_embeddings;
      const plain = frequencies(config);
      const dynamic = (sequenceLength?: number): Float32Array =>
        frequencies(config, { method: "dynamic", factor, sequenceLength });
      expect(dynamic()).toEqual(plain);
      expect(dynamic(Math.floor(window * Math.min(windows, 1)))).toEqual(plain);
      const grown = dynamic(window + Math.ceil(window * windows));
      const further = dynamic(window + Math.ceil(window * windows) + window);
      plain.forEach((original, pair) => {
        expect(grown[pair]!).toBeLessThanOrEqual(original);
        expect(further[pair]!).toBeLessThanOrEqual(grown[pair]!);
      });
    }),
  );
});

test("frequencies fall from pair to pair, from 1 radian per token on", () => {
  fc.assert(
    fc.property(configs, (config) => {
      const plain = frequencies(config);
      expect(plain[0]).toBe(1);
      plain.subarray(1).forEach((value, pair) => {
        expect(value).toBeLessThan(plain[pair]!);
      });
    }),
  );
});

const positions = fc.integer({ min: 0, max: 131_071 });
const components = fc.float({ min: -8, max: 8, noNaN: true, noDefaultInfinity: true });
const yarnCases = fc.record({ config: configs, factor: factors }).chain(({ config, factor }) =>
  fc.record({
    encoding: fc.constant(resolveRotaryEncoding(config, { method: "yarn", factor })),
    query: fc.array(components, { minLength: config.head_dim!, maxLength: config.head_dim! }),
    key: fc.array(components, { minLength: config.head_dim!, maxLength: config.head_dim! }),
  }),
);

test("rotation keeps norms, up to the attention scaling", () => {
  fc.assert(
    fc.property(yarnCases, positions, ({ encoding, query }, position) => {
      const before = Math.hypot(...query);
      const after = Math.hypot(...rotateAt(encoding, query, position));
      expect(Math.abs(after - before * encoding.attentionScaling)).toBeLessThanOrEqual(before * 1e-6 + 1e-30);
    }),
  );
});

test("scores depend on relative positions only, up to the rounding of angles", () => {
  fc.assert(
    fc.property(
      yarnCases,
      fc.integer({ min: 0, max: 8192 }),
      fc.integer({ min: 0, max: 8192 }),
      fc.integer({ min: 0, max: 114_687 }),
      ({ encoding, query, key }, queryPosition, keyPosition, shift) => {
        const here = score(rotateAt(encoding, query, queryPosition), rotateAt(encoding, key, keyPosition));
        const there = score(
          rotateAt(encoding, query, queryPosition + shift),
          rotateAt(encoding, key, keyPosition + shift),
        );
        // Each of the four angles is off by at most 2^-24 of itself, which turns the pair's share by as much.
        const { inverseFrequencies, attentionScaling } = encoding;
        const tokens = 2 * (queryPosition + keyPosition + shift);
        const allowed = inverseFrequencies.reduce((sum, frequency, pair) => {
          const size = pairNorm(query, pair) * pairNorm(key, pair) * attentionScaling ** 2;
          return sum + size * (2 ** -24 * tokens * frequency + 2e-6);
        }, 1e-30);
        expect(Math.abs(here - there)).toBeLessThanOrEqual(allowed);
      },
    ),
  );
});

test("whatever a block holds, it is refused by name or gives usable numbers", () => {
  const numbers = fc.constantFrom(0, 1, 2, 4, 32, 8192, 1e-300, 5e-324, 1e300, -1, 0.5, Number.NaN, Infinity);
  const lists = fc.oneof(fc.constant([1, 1, 2, 4]), fc.array(numbers, { maxLength: 5 }));
  const values = fc.oneof({ weight: 4, arbitrary: numbers }, fc.constantFrom(null, true, "4"), lists, fc.jsonValue());
  const blocks = fc.record(
    {
      rope_type: fc.constantFrom("default", "linear", "dynamic", "yarn", "longrope", "llama3", "su", "nope"),
      factor: values,
      rope_theta: values,
      partial_rotary_factor: fc.constantFrom(1, 0.5, 2, null),
      original_max_position_embeddings: values,
      attention_factor: values,
      beta_fast: values,
      beta_slow: values,
      mscale: values,
      mscale_all_dim: values,
      truncate: fc.oneof(fc.boolean(), values),
      short_factor: lists,
      long_factor: lists,
      low_freq_factor: values,
      high_freq_factor: values,
    },
    { requiredKeys: [] },
  );
  const outcomes = { usable: 0, refused: 0 };
  fc.assert(
    fc.property(blocks, fc.constantFrom(undefined, 0, 8192, 2 ** 53 - 1), (block, sequenceLength) => {
      let encoding: RotaryEncoding;
      try {
        const config = { head_dim: 8, max_position_embeddings: 4096, rope_scaling: block };
        encoding = resolveRotaryEncoding(config, { sequenceLength });
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidConfigError);
        expect((error as Error).message).not.toMatch(/\n|undefined/);
        outcomes.refused++;
        return;
      }
      outcomes.usable++;
      expect(encoding.attentionScaling).toBeGreaterThan(0);
      expect(encoding.attentionScaling).toBeLessThan(Infinity);
      for (const frequency of encoding.inverseFrequencies) {
        expect(frequency).toBeGreaterThan(0);
        expect(frequency).toBeLessThan(Infinity);
      }
    }),
    { numRuns: 3000 },
  );
  // Both branches must have been met, or this test shows nothing.
  expect(outcomes.usable).toBeGreaterThan(20);
  expect(outcomes.refused).toBeGreaterThan(20);
});

function rotateAt(encoding: RotaryEncoding, vector: readonly number[], position: number): Float32Array {
  const { cos, sin } = rotaryRows(encoding, [position]);
  return applyRotary(vector, cos, sin);
}

function score(query: Float32Array, key: Float32Array): number {
  return query.reduce((sum, value, index) => sum + value * key[index]!, 0);
}

function pairNorm(vector: readonly number[], pair: number): number {
  return Math.hypot(vector[pair]!, vector[vector.length / 2 + pair]!);
}
