import { expect, test } from "vitest";
import type { ModelInspection } from "../inspection.ts";
import { type ServingEngine, servingEngines } from "./settings.ts";
import { inspectFolder, published } from "./test-settings.ts";
import { writeSettings } from "./write-settings.ts";

test("the cache: layers, key and value heads, head dimension, bytes, tokens; in the engine's own type", async () => {
  const cacheOf = (inspection: ModelInspection, engine: ServingEngine, context = 131072) =>
    writeSettings(inspection, { engine, context }).cache;
  const qwen2 = await published();
  const bytes = 2 * 28 * 4 * 128 * 2 * 131072;
  expect(bytes).toBe(7 * 2 ** 30);
  expect(servingEngines.map((engine) => [cacheOf(qwen2, engine).type, cacheOf(qwen2, engine).bytes])).toEqual([
    ["bf16", bytes],
    ["bf16", bytes],
    ["f16", bytes],
    ["bf16", bytes],
    ["f16", bytes],
  ]);
  expect(cacheOf(qwen2, "transformers")).toMatchObject({ taken: "use", bytesPerToken: 57344 });
  // Blocks of 16 tokens; cells in 256s; 32-bit weights, which vLLM narrows and transformers does not.
  expect(cacheOf(qwen2, "vllm", 1000).tokens).toBe(1008);
  expect(cacheOf(qwen2, "llama.cpp", 1000).tokens).toBe(1024);
  const wide = await inspectFolder({ torch_dtype: "float32" });
  expect(cacheOf(wide, "transformers", 1000).bytes).toBe(2 * 28 * 4 * 128 * 4 * 1000);
  expect(cacheOf(wide, "vllm", 1008).bytes).toBe(2 * 28 * 4 * 128 * 2 * 1008);
  expect(cacheOf(wide, "llama.cpp", 1024).type).toBe("f16");
});

test("layers of sliding attention keep their window alone, in the engines that make use of it", async () => {
  const sliding = { use_sliding_window: true, sliding_window: 32768, max_window_layers: 20 };
  const inspection = await inspectFolder(sliding);
  expect(inspection.cache.sliding).toEqual({ layers: 8, window: 32768 });
  const named = [...new Array(27).fill("full_attention"), "sliding_attention"];
  expect((await inspectFolder({ ...sliding, layer_types: named })).cache.sliding).toEqual({ layers: 1, window: 32768 });
  const cacheOf = (engine: ServingEngine) => writeSettings(inspection, { engine, context: 65536 }).cache;
  const perLayer = 2 * 4 * 128 * 2;
  expect(cacheOf("vllm")).toMatchObject({ bytes: perLayer * (20 * 65536 + 8 * 32768), sliding: { layers: 8 } });
  expect(cacheOf("llama.cpp")).toMatchObject({ bytes: perLayer * 28 * 65536, sliding: null });
});
