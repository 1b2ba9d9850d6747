import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { type RotaryConfig, type RotaryEncoding, resolveRotaryEncoding, rotaryRows } from "./index.ts";

interface FrequencyCase {
  readonly name: string;
  readonly rope_type: string;
  readonly config: RotaryConfig;
  readonly seq_len: number | null;
  readonly attention_scaling: number;
  readonly inv_freq: readonly number[];
}

interface TableCase {
  readonly name: string;
  readonly positions: readonly number[];
  readonly cos: readonly (readonly number[])[];
  readonly sin: readonly (readonly number[])[];
}

function readCases<Case>(name: string): readonly Case[] {
  const text = readFileSync(new URL(`../../fixtures/position/${name}`, import.meta.url), "utf8");
  return (JSON.parse(text) as { cases: Case[] }).cases;
}

const frequencyCases = readCases<FrequencyCase>("frequencies.json");
const tableCases = readCases<TableCase>("tables.json");

/** Whose frequencies their names imply, because frequencies.json does not have them. */
const impliedConfigs: Readonly<Record<string, RotaryConfig>> = {
  default_hd32_th10000_mp256: { head_dim: 32, rope_theta: 10_000, max_position_embeddings: 256 },
};

test("the fixtures are the ones that these tests were written for", () => {
  expect(frequencyCases).toHaveLength(344);
  expect(tableCases).toHaveLength(3);
  expect(new Set(frequencyCases.map((one) => one.rope_type)).size).toBe(6);
});

test.each(frequencyCases.map((one) => [one.name, one] as const))("frequencies of %s", (_, expected) => {
  const encoding = resolveRotaryEncoding(expected.config, { sequenceLength: expected.seq_len ?? undefined });
  expect(encoding.attentionScaling).toBeCloseTo(expected.attention_scaling, 14);
  expect(encoding.inverseFrequencies).toHaveLength(expected.inv_freq.length);
  const errors = expected.inv_freq.map((value, pair) => Math.abs(encoding.inverseFrequencies[pair]! - value) / value);
  expect(Math.max(...errors)).toBeLessThanOrEqual(5e-7);
});

test.each(tableCases.map((one) => [one.name, one] as const))(
  "tables of %s from the expected frequencies",
  (_, table) => {
    const encoding = expectedEncoding(table.name);
    expectTable(encoding, table, () => 1e-6);
  },
);

test.each(tableCases.map((one) => [one.name, one] as const))("tables of %s from our frequencies", (_, table) => {
  const encoding = resolveRotaryEncoding(configOf(table.name));
  expectTable(encoding, table, (position, frequency) => 1e-6 + 2e-7 * position * frequency);
});

function configOf(name: string): RotaryConfig {
  return frequencyCases.find((one) => one.name === name)?.config ?? impliedConfigs[name]!;
}

function expectedEncoding(name: string): RotaryEncoding {
  const expected = frequencyCases.find((one) => one.name === name);
  return expected === undefined
    ? resolveRotaryEncoding(impliedConfigs[name]!)
    : { inverseFrequencies: Float32Array.from(expected.inv_freq), attentionScaling: expected.attention_scaling };
}

function expectTable(
  encoding: RotaryEncoding,
  { positions, cos, sin }: TableCase,
  tolerance: (position: number, frequency: number) => number,
): void {
  const rows = rotaryRows(encoding, positions);
  expect(rows.pairs).toBe(cos[0]!.length);
  expect(rows.cos).toHaveLength(positions.length * rows.pairs);
  expect(rows.sin).toHaveLength(positions.length * rows.pairs);
  positions.forEach((position, row) => {
    for (let pair = 0; pair < rows.pairs; pair++) {
      const allowed = tolerance(position, encoding.inverseFrequencies[pair]!);
      const where = `position ${position}, pair ${pair}`;
      expect(Math.abs(rows.cos[row * rows.pairs + pair]! - cos[row]![pair]!), where).toBeLessThanOrEqual(allowed);
      expect(Math.abs(rows.sin[row * rows.pairs + pair]! - sin[row]![pair]!), where).toBeLessThanOrEqual(allowed);
    }
  });
}
