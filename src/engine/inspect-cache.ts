import type { ContextSettings } from "../context/settings.ts";
import type { ModelConfig } from "../model/config.ts";
import type { CacheInspection, YarnInspection } from "./inspection.ts";

/** The lengths in tokens that people compare models by. */
const usualLengths = [8192, 32768, 131072];

/** The memory that keys and values take: at the usual lengths, and at the ends of the model's own windows. */
export function inspectCache(
  config: ModelConfig,
  context: ContextSettings,
  yarn: YarnInspection | null,
): CacheInspection {
  const { num_hidden_layers: layers, num_key_value_heads: heads, head_dim: headDim } = config;
  const numbers = 2 * layers * heads * headDim; // keys and values
  const { nativeWindow } = context;
  const extended = yarn && !yarn.needed ? 0 : (yarn?.factors.at(-1)?.extendedWindow ?? 0);
  const extendedWindow = Math.max(context.extendedWindow, extended);
  const lengths = [...new Set([...usualLengths, nativeWindow, extendedWindow])].sort((a, b) => a - b);
  return {
    bytesPerToken: { f32: numbers * 4, f16: numbers * 2 },
    totals: lengths.map((tokens) => ({
      tokens,
      window: tokens <= nativeWindow ? "native" : tokens <= extendedWindow ? "extended" : "none",
      f32: tokens * numbers * 4,
      f16: tokens * numbers * 2,
    })),
  };
}
