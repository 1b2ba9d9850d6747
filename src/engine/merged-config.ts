import { chooseEncoding, resolveEncoding } from "../context/encoding.ts";
import type { Context } from "../context/narrow.ts";
import { factorFor } from "../context/plan.ts";
import { type ContextSettings, resolveContext } from "../context/settings.ts";
import { UnsupportedError } from "../errors.ts";
import { type ModelConfig, parseModelConfig } from "../model/config.ts";
import type { RotaryEncoding } from "../position/index.ts";

type Json = Readonly<Record<string, unknown>>;

/**
 * The base's `config.json` for the merged model: with the window that the adapter was tuned at. A factor becomes a block of YaRN with its own
 * `attention_factor`, of the value that it has anyway: a model that was trained with YaRN is followed as declared, at every length.
 *
 * @param text - the base's, a JSON object; numbers stay as they are written there
 * @throws UnsupportedError where no such file says what the adapter's sequences have beside their base
 */
export function mergedConfig(text: string, config: ModelConfig, { settings, tuning }: Context): string {
  const { nativeWindow, originalWindow, minimumFactor, method } = settings;
  if (tuning?.window === undefined && minimumFactor === 1) return text;
  const base = JSON.parse(text, keepNumber) as Json;
  const changed = (): Json => {
    if (minimumFactor > 1) {
      const { attentionScaling } = resolveEncoding(config, chooseEncoding(settings, minimumFactor));
      const block = {
        rope_type: "yarn",
        factor: float(minimumFactor),
        original_max_position_embeddings: originalWindow,
        attention_factor: float(attentionScaling),
      };
      return withBlock(base, block, nativeWindow);
    }
    if (method === "yarn") return withBlock(base, { original_max_position_embeddings: nativeWindow }, nativeWindow);
    return { ...base, max_position_embeddings: nativeWindow };
  };
  const merged = `${JSON.stringify(changed(), null, 2)}\n`;
  if (!hasSamePositions(parseModelConfig(JSON.parse(merged)), config, settings))
    throw new UnsupportedError(
      `a window of ${nativeWindow} tokens cannot be merged into a base with ${settings.declared} scaling: its config.json would give other positions than the adapter has beside its base; load it there`,
    );
  return merged;
}

/** Whether every sequence that fits the adapter's window has the encoding in the merged model that it has beside the base. */
function hasSamePositions(merged: ModelConfig, base: ModelConfig, beside: ContextSettings): boolean {
  const after = resolveContext(merged);
  const { nativeWindow } = beside;
  if (after.extendedWindow < nativeWindow) return false;
  // Encodings change past the original windows, and with the length from there on.
  const lengths = [1, beside.originalWindow, after.originalWindow, after.nativeWindow, nativeWindow];
  return [...lengths, ...lengths.map((length) => length + 1)]
    .filter((length) => length <= nativeWindow)
    .every((length) =>
      isSame(
        resolveEncoding(base, chooseEncoding(beside, factorFor(beside, length))),
        resolveEncoding(merged, chooseEncoding(after, factorFor(after, length))),
      ),
    );
}

function isSame(a: RotaryEncoding, b: RotaryEncoding): boolean {
  const isNear = (x: number, y: number): boolean => Math.abs(x - y) <= 1e-6 * Math.abs(x);
  return (
    isNear(a.attentionScaling, b.attentionScaling) &&
    a.inverseFrequencies.every((frequency, pair) => isNear(frequency, b.inverseFrequencies[pair]!))
  );
}

/** For Python `500.0` is a number of another type than `500`, and transformers looks at that. */
function keepNumber(_key: string, value: unknown, context?: { readonly source?: string }): unknown {
  return typeof value === "number" && context?.source !== undefined ? rawJson(context.source) : value;
}

function float(value: number): unknown {
  return Number.isInteger(value) ? rawJson(`${value}.0`) : value;
}

/** A number as it is to be written. TypeScript does not know of the function yet. */
function rawJson(text: string): unknown {
  return (JSON as unknown as { rawJSON(text: string): unknown }).rawJSON(text);
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
