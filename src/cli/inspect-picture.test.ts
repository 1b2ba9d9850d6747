import { expect, test } from "vitest";
import { inspectModel } from "../index.ts";
import { english } from "./inspect-english.ts";
import { drawPairs, pairLegend } from "./inspect-picture.ts";

const plain = (_: string, text: string) => text;

function inspectConfig(fields: Record<string, unknown>) {
  const config = {
    model_type: "qwen2",
    hidden_size: 128,
    intermediate_size: 64,
    num_hidden_layers: 1,
    num_attention_heads: 1,
    num_key_value_heads: 1,
    vocab_size: 100,
    rope_theta: 1e6,
    max_position_embeddings: 32768,
  };
  return inspectModel({ "config.json": new Blob([JSON.stringify({ ...config, ...fields })]) });
}

test("as many signs of each kind as there are pairs of it", async () => {
  const [marker, bar, axis] = drawPairs(await inspectConfig({}), english, plain);
  expect(bar).toMatch(/^▁{24}[▂-▇]{16}█{24}$/);
  // Pair 40 is the first that turns less than once in the window: 2π · 10^(6 · 40 / 64) = 35333 tokens.
  expect(marker?.indexOf("▼")).toBe(40);
  expect(axis?.indexOf("╵10K")).toBe(35); // 2π · 10^(6 · 35 / 64) = 12151
});

test.each([8, 32, 64, 128, 256, 512])("heads of %i dimensions fit the line", async (head_dim) => {
  const inspection = await inspectConfig({ head_dim });
  const lines = drawPairs(inspection, english, plain);
  expect(lines[1]?.length).toBeGreaterThanOrEqual(head_dim < 128 ? 60 : 64);
  for (const line of lines) expect(line.length).toBeLessThanOrEqual(76);
  const counted = pairLegend(inspection, english, plain).map((row) => Number(row[2]));
  expect(counted.reduce((sum, count) => sum + count, 0)).toBe(head_dim / 2);
});

test("a window that no pair needs more than has no mark", async () => {
  const [first] = drawPairs(await inspectConfig({ rope_theta: 100, max_position_embeddings: 100_000 }), english, plain);
  expect(first).toMatch(/^▁+/);
});

test("no picture where YaRN cannot be", async () => {
  const inspection = await inspectConfig({ rope_scaling: { type: "linear", factor: 2 } });
  expect(drawPairs(inspection, english, plain)).toEqual([]);
  expect(pairLegend(inspection, english, plain)).toEqual([]);
});
