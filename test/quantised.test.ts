import { openAsBlob } from "node:fs";
import { readdir } from "node:fs/promises";
import { beforeAll, describe, expect, test } from "vitest";
import { canWiden } from "../src/backend/wasm/node/wide-kernels.ts";
import { type LoadOptions, loadModel, type Model, type ModelFiles } from "../src/index.ts";
import { dequantisedModel, divergence, logitsOf, randomModel } from "./quantised-models.ts";
import { someTokens, tiny } from "./tiny.ts";

/*
 * Quantised weights and caches against the reference backend with the same, dequantised weights: mean KL divergence a token. The bounds are those that
 * users are promised (see docs/performance.md). Random models pass every rounding error on; sure ones, of an entropy of 2 to 4 nats, show it most.
 */
const exactCache = 5e-4;
const quantisedCache = 2e-3;

const wide = {
  architectures: ["Qwen2ForCausalLM"],
  model_type: "qwen2",
  vocab_size: 1024,
  hidden_size: 448,
  intermediate_size: 1184, // 37 blocks
  num_hidden_layers: 4,
  num_attention_heads: 7,
  num_key_value_heads: 1,
  max_position_embeddings: 2048,
  rope_theta: 1e6,
  tie_word_embeddings: false,
};

async function embedded(): Promise<ModelFiles> {
  const names = (await readdir(tiny)).filter((name) => !name.startsWith("."));
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await openAsBlob(`${tiny}/${name}`)] as const)),
  ) as unknown as ModelFiles;
}

const quiet: LoadOptions = { onWarning: () => {} };

describe.each([
  { name: "the embedded model", make: embedded, count: 700, yarn: true },
  { name: "a random model of 64-wide heads", make: async () => randomModel(wide, 1.9), count: 300, yarn: false },
  { name: "a sure random model", make: async () => randomModel(wide, 2.9), count: 200, yarn: false },
  // Within a tile of the cache: past it, keys and values of 8 bits cost this model more than weights of any type do.
  {
    name: "a sure random model of large weights",
    make: async () => randomModel(wide, 2.9, 2, 0.06),
    count: 100,
    yarn: false,
  },
])("$name", ({ make, count, yarn }) => {
  let files: ModelFiles;
  let tokens: number[];
  const context = yarn ? { context: { extend: "yarn", factor: 4 } as const } : {};

  beforeAll(async () => {
    files = await make();
    tokens = someTokens(count);
    if (!yarn) return;
    // Text that it knows: what it is sure of shows errors best.
    await using model = await loadModel(files, quiet);
    const { tokens: answer } = await model.generate({ prompt: "In the beginning", maxTokens: 200, seed: 1 }).result();
    tokens = [...(await model.tokenize("In the beginning God created")), ...answer, ...answer, ...answer].slice(
      0,
      count,
    );
  });

  test.each(["q4", "q8"] as const)("weights of type %s", async (weights) => {
    const exact = await loadModel(await dequantisedModel(files, weights), {
      ...quiet,
      ...context,
      backend: "reference",
    });
    const expected = await logitsOf(exact, tokens);
    const { vocab_size: vocabulary } = exact.config;
    await exact.dispose();
    const compute = async (options: LoadOptions): Promise<Float32Array> => {
      await using model: Model = await loadModel(files, { ...quiet, ...context, weights, ...options });
      return await logitsOf(model, tokens);
    };
    const measure = (logits: Float32Array) => divergence(expected, logits, vocabulary);
    const relaxed = await compute({ kernels: "relaxed", cache: "q8" });
    const pairs = await compute({ kernels: "pairs", cache: "q8" });
    expect(Buffer.from(pairs.buffer).equals(Buffer.from(relaxed.buffer))).toBe(true);
    if (canWiden()) {
      const wide = await compute({ kernels: "wide", cache: "q8" });
      expect(Buffer.from(wide.buffer).equals(Buffer.from(relaxed.buffer))).toBe(true);
    }
    for (const kernels of ["pairs", "plain"] as const) {
      const { divergence: f32, entropy } = measure(await compute({ kernels, cache: "f32" }));
      const { divergence: q8 } = measure(kernels === "pairs" ? pairs : await compute({ kernels, cache: "q8" }));
      if (process.env.SHOW) console.log(weights, kernels, { f32, q8, entropy });
      expect(f32).toBeLessThan(exactCache);
      expect(q8).toBeLessThan(quantisedCache);
      expect(entropy).toBeGreaterThan(0.5);
    }
  });
});
