import { expect, test } from "vitest";
import { resolveContext } from "../context/settings.ts";
import type { Tuning } from "../context/tuning.ts";
import { UnsupportedError } from "../errors.ts";
import { parseModelConfig } from "../model/config.ts";
import { mergedConfig } from "./merged-config.ts";

const sizes = {
  vocab_size: 96,
  hidden_size: 48,
  intermediate_size: 80,
  num_hidden_layers: 2,
  num_attention_heads: 6,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-5,
  rope_theta: 5e5,
  max_position_embeddings: 512,
};
const factors = (value: number): number[] => new Array<number>(4).fill(value);
const longrope = { rope_type: "longrope", factor: 2, short_factor: factors(1), long_factor: factors(2) };
const yarn = { rope_type: "yarn", factor: 2, original_max_position_embeddings: 256 };

function windowOfMerged(base: object, tuning: Omit<Tuning, "adapter">): number {
  const json = { ...sizes, ...base };
  const config = parseModelConfig(json);
  const own = { adapter: "law", ...tuning };
  const context = { options: {}, settings: resolveContext(config, {}, own), tuning: own };
  return resolveContext(parseModelConfig(JSON.parse(mergedConfig(JSON.stringify(json), config, context))))
    .extendedWindow;
}

test.each<[object, Omit<Tuning, "adapter">, number]>([
  [{ model_type: "llama" }, { window: 800 }, 800],
  [{ model_type: "llama" }, { factor: 2 }, 1024],
  [{ model_type: "llama", rope_scaling: { rope_type: "linear", factor: 2 } }, { window: 300 }, 300],
  [{ model_type: "qwen2", rope_scaling: yarn }, { window: 300 }, 600],
  [{ model_type: "qwen2", rope_scaling: yarn }, { factor: 2 }, 512],
])("what %j and an adapter's %j come to can be written", (base, tuning, window) => {
  expect(windowOfMerged(base, tuning)).toBe(window);
});

test.each<[object, number]>([
  [{ model_type: "llama", rope_scaling: { rope_type: "dynamic", factor: 2 } }, 800],
  [{ model_type: "llama", rope_scaling: longrope }, 300],
  [{ model_type: "qwen2", rope_scaling: { ...yarn, attention_factor: 1.1 } }, 800],
])("a window that would move the positions of %j, or not be reached, is refused", (base, window) => {
  expect(() => windowOfMerged(base, { window })).toThrow(UnsupportedError);
});
