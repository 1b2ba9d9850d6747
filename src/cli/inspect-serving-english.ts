import { formatBytes, formatFactor } from "./inspect-facts.ts";
import type { ServingTexts } from "./inspect-serving-texts.ts";

/** Settings for another engine, in English; the notes come in it. */
export const servingEnglish: ServingTexts = {
  headings: { settings: "Settings", notes: "Notes" },
  labels: {
    window: "window",
    scaling: "scaling",
    cache: "cache",
    reckoning: "that is",
    smaller: "smaller by",
  },
  title: ({ engine, context }) => `for ${engine}, up to ${context} tokens`,
  window: ({ window }) => (window === "native" ? "native" : "extended"),
  scaling: ({ scaling }) => {
    if (scaling === null) return "none";
    const { method, factor, originalWindow, origin, isStatic } = scaling;
    const own = origin === "trained" ? "the model's own" : "static";
    const how = `${own}: ${isStatic ? "the same at every length" : "by the length of a sequence"}`;
    return `${method}, ${formatFactor(factor)} × ${originalWindow} tokens, ${how}`;
  },
  purpose: ({ purpose, version }) =>
    version ??
    {
      download: "Download",
      convert: "Convert, with a clone of llama.cpp beside it",
      metadata: "Copy with other metadata",
      serve: "Serve",
      older: "Earlier versions",
    }[purpose],
  cache: ({ cache, context }) =>
    `${formatBytes(cache.bytes)} in ${cache.type} for ${context} tokens, ${cache.taken === "start" ? "taken at the start" : "taken as tokens come"}`,
  reckoning: ({ layers, keyValueHeads, headDim, bytesPerNumber, tokens, sliding }) =>
    `2 × ${layers} layers × ${keyValueHeads} heads × ${headDim} × ${bytesPerNumber} bytes × ${tokens}` +
    (sliding ? `; ${sliding.layers} of the layers keep ${sliding.window} tokens` : ""),
  note: ({ message }) => message,
};
