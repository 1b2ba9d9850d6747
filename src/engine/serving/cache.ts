import type { ServingPlan } from "./plan.ts";
import type { ServingCache, ServingEngine } from "./settings.ts";

/** What an engine does with keys and values where nothing is set. */
interface CacheHabits {
  /** `f16`: always. Else that of the weights; `half`: in 16 bits even where these have 32. */
  readonly type: "f16" | "half" | "weights";
  readonly taken: "start" | "use";
  /** Whether layers of sliding attention of these families keep their window alone. */
  readonly slides: boolean;
  /** Tokens come in multiples of this. */
  readonly step: number;
  readonly setting: string;
}

/**
 * @see https://docs.vllm.ai/en/stable/features/quantization/quantized_kvcache/
 * @see https://github.com/ggml-org/llama.cpp/blob/master/tools/server/README.md (--cache-type-k)
 * @see https://github.com/ollama/ollama/blob/main/docs/faq.mdx (OLLAMA_KV_CACHE_TYPE)
 * @see https://huggingface.co/docs/transformers/kv_cache
 */
const habits: Readonly<Record<ServingEngine, CacheHabits>> = {
  vllm: { type: "half", taken: "start", slides: true, step: 16, setting: "--kv-cache-dtype fp8" },
  sglang: { type: "half", taken: "start", slides: false, step: 1, setting: "--kv-cache-dtype fp8_e5m2" },
  "llama.cpp": {
    type: "f16",
    taken: "start",
    slides: false,
    step: 256,
    setting: "--cache-type-k q8_0 --cache-type-v q8_0",
  },
  ollama: { type: "f16", taken: "start", slides: false, step: 256, setting: "OLLAMA_KV_CACHE_TYPE=q8_0" },
  transformers: {
    type: "weights",
    taken: "use",
    slides: true,
    step: 1,
    setting: 'generate(…, cache_implementation="quantized")',
  },
};

/** Memory of one sequence of the planned length: layers × key and value heads × head dimension × bytes × tokens, twice. */
export function servingCache({ inspection, context }: ServingPlan, engine: ServingEngine): ServingCache {
  const { num_hidden_layers: layers, num_key_value_heads: keyValueHeads, head_dim: headDim, dtype } = inspection.config;
  const { slides, step, taken, setting, type: habit } = habits[engine];
  const ofWeights = dtype === "float32" && habit === "weights" ? "f32" : dtype === "float16" ? "f16" : "bf16";
  const type = habit === "f16" ? "f16" : ofWeights;
  const bytesPerNumber = type === "f32" ? 4 : 2;
  const bytesPerLayer = 2 * keyValueHeads * headDim * bytesPerNumber;
  const { sliding } = inspection.cache;
  const kept = slides && sliding !== null && sliding.window < context ? sliding : null;
  const full = layers - (kept?.layers ?? 0);
  const tokens = Math.ceil(context / step) * step;
  return {
    type,
    bytesPerNumber,
    layers,
    keyValueHeads,
    headDim,
    bytesPerToken: layers * bytesPerLayer,
    tokens,
    bytes: bytesPerLayer * (full * tokens + (kept ? kept.layers * kept.window : 0)),
    sliding: kept,
    taken,
    setting,
  };
}
