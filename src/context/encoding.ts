import { type RotaryEncoding, type RotaryOptions, resolveRotaryEncoding } from "../position/index.ts";
import type { ContextConfig, ContextSettings } from "./settings.ts";

/**
 * Which rotary encoding a sequence has. Two sequences of a model have the same one exactly when their keys are equal: only then may they
 * share cached blocks.
 */
export interface EncodingChoice {
  readonly factor: number;
  readonly options: RotaryOptions;
}

/**
 * The encoding of a sequence that was planned at `factor`.
 *
 * At factor 1 of an extension it is the plain default encoding, so that a request which fits the native window is computed bit for bit
 * as if nothing had been enabled.
 */
export function chooseEncoding(settings: ContextSettings, factor: number): EncodingChoice {
  return { factor, options: encodingOptions(settings, factor) };
}

export function sameEncoding(a: EncodingChoice, b: EncodingChoice): boolean {
  return encodingKey(a) === encodingKey(b);
}

/** @returns a text that is equal for equal encodings of one model */
function encodingKey({ options }: EncodingChoice): string {
  return [options.method, options.factor, options.originalWindow, options.sequenceLength].join("/");
}

/** Computes a chosen encoding. */
export function resolveEncoding(config: ContextConfig, choice: EncodingChoice): RotaryEncoding {
  return resolveRotaryEncoding(config, choice.options);
}

function encodingOptions(settings: ContextSettings, factor: number): RotaryOptions {
  const { declared, originalWindow } = settings;
  switch (settings.method) {
    case "none":
      return { method: "default" };
    case "trained":
      if (declared === "dynamic") {
        return { method: declared, originalWindow, sequenceLength: Math.round(factor * originalWindow) };
      }
      if (declared === "longrope") return { method: declared, sequenceLength: originalWindow + (factor > 1 ? 1 : 0) };
      return declared === "yarn" ? { method: declared, originalWindow } : { method: declared };
    case "yarn":
      return factor === 1 ? { method: "default" } : { method: "yarn", factor, originalWindow };
    case "linear":
      return factor === 1 ? { method: "default" } : { method: "linear", factor };
    case "ntk":
      // The window stretched by s is dynamic NTK of factor 1 at the length s · window (docs/decisions/0002-windows-and-schedules.md).
      return factor === 1
        ? { method: "default" }
        : { method: "dynamic", factor: 1, originalWindow, sequenceLength: Math.round(factor * originalWindow) };
  }
}
