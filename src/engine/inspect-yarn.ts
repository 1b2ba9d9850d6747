import { chooseEncoding, resolveEncoding } from "../context/encoding.ts";
import { type ContextSettings, resolveContext } from "../context/settings.ts";
import type { ModelConfig } from "../model/config.ts";
import { readRotaryParameters, yarnPairs } from "../position/index.ts";
import type { InspectOptions, YarnFactor, YarnInspection } from "./inspection.ts";

/** The length in tokens up to which YaRN was shown to carry the Qwen models (32768 · 4); the base models have it natively. */
const provenWindow = 131072;
const shownFactors = [2, 4];
const defaultFactor = 4;

/**
 * What YaRN does to a model, or would do.
 *
 * @returns null where the model has a scaling of its own on which YaRN cannot be put
 */
export function inspectYarn(
  config: ModelConfig,
  context: ContextSettings,
  { factor: asked, nativeWindow }: InspectOptions,
): YarnInspection | null {
  const { theta, factor: ownFactor } = readRotaryParameters(config);
  if (!["default", "yarn", "dynamic"].includes(context.declared) || theta <= 1) return null;
  const isDeclared = context.declared === "yarn";
  const factor = context.hasFixedScaling ? undefined : asked; // a model that was trained with YaRN has one factor
  const declaredFactor = isDeclared ? (ownFactor ?? 1) : undefined;
  const largest = factor ?? declaredFactor ?? defaultFactor;
  const option = { extend: "yarn", factor: largest, ...(nativeWindow === undefined ? {} : { nativeWindow }) } as const;
  const isAsDeclared = isDeclared && factor === undefined;
  const { originalWindow, schedule, steps } = isAsDeclared ? context : resolveContext(config, option);
  const shown = context.hasFixedScaling ? [] : shownFactors;
  const factors = [...new Set([...shown, ...[declaredFactor, factor].filter((f) => f !== undefined)])];
  return {
    declared: isDeclared,
    needed: context.nativeWindow < provenWindow,
    originalWindow,
    schedule,
    steps,
    pairs: yarnPairs(config, { factor: largest, originalWindow }),
    factors: factors
      .sort((a, b) => a - b)
      .map((step) => {
        // The declared factor is taken as it is declared: a file may have a larger one than an option may.
        const isOwn = step === declaredFactor;
        return inspectFactor(config, isOwn ? context : resolveContext(config, { ...option, factor: step }), step);
      }),
    option,
  };
}

function inspectFactor(config: ModelConfig, settings: ContextSettings, factor: number): YarnFactor {
  const { attentionScaling } = resolveEncoding(config, chooseEncoding(settings, factor));
  return { factor, extendedWindow: settings.extendedWindow, attentionScaling };
}
