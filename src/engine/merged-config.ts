import { chooseEncoding, resolveEncoding } from "../context/encoding.ts";
import type { Context } from "../context/narrow.ts";
import type { ModelConfig } from "../model/config.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * The base's `config.json` for the merged model: with the window that the adapter was tuned at. A factor becomes a block of YaRN with its own
 * `attention_factor`, of the value that it has anyway: a model that was trained with YaRN is followed as declared, at every length.
 *
 * @param json - the base's, as the file has it
 */
export function mergedConfig(json: unknown, config: ModelConfig, { settings, tuning }: Context): Json {
  const base = json as Json;
  const { nativeWindow, originalWindow, minimumFactor } = settings;
  if (minimumFactor > 1) {
    const { attentionScaling } = resolveEncoding(config, chooseEncoding(settings, minimumFactor));
    return withBlock(
      base,
      {
        rope_type: "yarn",
        factor: minimumFactor,
        original_max_position_embeddings: originalWindow,
        attention_factor: attentionScaling,
      },
      nativeWindow,
    );
  }
  if (tuning?.window === undefined) return base;
  const isStretched = settings.method === "yarn";
  return isStretched
    ? withBlock(base, { original_max_position_embeddings: nativeWindow }, nativeWindow)
    : { ...base, max_position_embeddings: nativeWindow };
}

/** Puts fields into the block that the file has, under the name that it has there. */
function withBlock(base: Json, fields: Json, window: number): Json {
  const isNewer = isFilled(base.rope_parameters) && !isFilled(base.rope_scaling);
  const name = isNewer ? "rope_parameters" : "rope_scaling";
  const { type, ...before } = (base[name] ?? {}) as Json;
  const kept = type === undefined ? {} : { type: fields.rope_type ?? type };
  const { original_max_position_embeddings: _, ...rest } = base; // one beside the block would win over the one in it
  return { ...rest, max_position_embeddings: window, [name]: { ...before, ...kept, ...fields } };
}

function isFilled(block: unknown): boolean {
  return typeof block === "object" && block !== null && Object.keys(block).length > 0;
}
