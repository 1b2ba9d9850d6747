import type { CacheType } from "../backend/backend.ts";
import { cacheBytesPerToken } from "../backend/cache-size.ts";
import type { ContextSettings } from "../context/settings.ts";
import type { ModelConfig } from "../model/config.ts";
import type { CacheBytes, CacheInspection, YarnInspection } from "./inspection.ts";

/** The lengths in tokens that people compare models by. */
const usualLengths = [8192, 32768, 131072];

/** The memory that keys and values take: at the usual lengths, and at the ends of the model's own windows. */
export function inspectCache(
  config: ModelConfig,
  context: ContextSettings,
  yarn: YarnInspection | null,
): CacheInspection {
  const { num_hidden_layers: layers, num_key_value_heads: keyValueHeads, head_dim: headDim } = config;
  const bytesOf = (tokens: number): CacheBytes => {
    const ofType = (type: CacheType) => tokens * cacheBytesPerToken({ layers, keyValueHeads, headDim, type });
    return { f32: ofType("f32"), f16: ofType("f16"), q8: ofType("q8") };
  };
  const { nativeWindow } = context;
  const extended = yarn && !yarn.needed ? 0 : (yarn?.factors.at(-1)?.extendedWindow ?? 0);
  const extendedWindow = Math.max(context.extendedWindow, extended);
  const lengths = [...new Set([...usualLengths, nativeWindow, extendedWindow])].sort((a, b) => a - b);
  return {
    bytesPerToken: bytesOf(1),
    sliding: slidingLayers(config),
    totals: lengths.map((tokens) => ({
      tokens,
      window: tokens <= nativeWindow ? "native" : tokens <= extendedWindow ? "extended" : "none",
      ...bytesOf(tokens),
    })),
  };
}

function slidingLayers({ sliding_window: window, layer_types: types = [] }: ModelConfig): CacheInspection["sliding"] {
  if (window === null) return null;
  return { layers: types.filter((type) => type === "sliding_attention").length, window };
}
