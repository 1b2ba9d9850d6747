import {
  ContextLengthError,
  type ContextLengthFields,
  contextLengthError,
} from "../../context/context-length-error.ts";
import { type RotaryParameters, readRotaryParameters } from "../../position/index.ts";
import { yarnAttentionScaling } from "../../position/yarn.ts";
import type { ModelInspection } from "../inspection.ts";
import type { ServingScaling } from "./settings.ts";

/** What an engine has to do for a model at a length. */
export interface ServingPlan {
  readonly inspection: ModelInspection;
  readonly context: number;
  readonly window: "native" | "extended";
  readonly scaling: ServingScaling | null;
  /**
   * What is to be set beyond what the files say: `nothing`, `scale` as `scaling` says, or `plain`, to take off a scaling that they declare and this
   * length has no use for.
   */
  readonly change: "nothing" | "scale" | "plain";
}

/**
 * Decides how a model is served at a length by an engine whose scaling is static: without any as long as that will do, else by the factor that the length
 * needs and no larger one.
 *
 * @throws ContextLengthError past what the model reaches
 */
export function planServing(inspection: ModelInspection, context: number): ServingPlan {
  const { yarn } = inspection;
  const settings = inspection.context;
  const { nativeWindow, originalWindow, declared, maximumFactor } = settings;
  const window = context <= nativeWindow ? "native" : "extended";
  if (settings.method === "trained") {
    if (context > settings.extendedWindow) throw refuse(inspection, contextLengthError(settings, context));
    const facts = { method: declared, factor: maximumFactor, originalWindow, beta: null, costBelowWindow: null };
    return { inspection, context, window, scaling: { ...facts, origin: "trained", isStatic: true }, change: "nothing" };
  }
  const isDeclared = settings.method === "yarn";
  if (window === "native")
    return { inspection, context, window, scaling: null, change: isDeclared ? "plain" : "nothing" };
  if (yarn === null || !(isDeclared || yarn.needed)) throw refuse(inspection, endOfModel(inspection, context));
  const reached = isDeclared ? settings : reachedBySuggestion(inspection);
  if (context > reached.extendedWindow)
    throw refuse(inspection, contextLengthError({ ...settings, ...reached }, context));
  // Upwards: engines compare factor · window with the length.
  const factor = Math.ceil((context / yarn.originalWindow) * 1e6) / 1e6;
  const parameters = readRotaryParameters(inspection.config);
  const scaling = {
    origin: "extension",
    method: "yarn",
    factor,
    originalWindow: yarn.originalWindow,
    beta: betaOf(parameters),
    isStatic: true,
    costBelowWindow: {
      slowedPairs: yarn.pairs.blended + yarn.pairs.interpolated,
      pairs: yarn.pairs.kept + yarn.pairs.blended + yarn.pairs.interpolated,
      scoreFactor: yarnAttentionScaling(factor) ** 2,
    },
  } as const;
  // Engines need the original window in the block, and refuse, or guess, where it is missing.
  const isSaid = isDeclared && factor === maximumFactor && parameters.originalWindow !== undefined;
  return { inspection, context, window, scaling, change: isSaid ? "nothing" : "scale" };
}

function betaOf(parameters: RotaryParameters): ServingScaling["beta"] {
  if (parameters.method !== "yarn" || (parameters.betaFast === 32 && parameters.betaSlow === 1)) return null;
  return { fast: parameters.betaFast, slow: parameters.betaSlow };
}

/** What YaRN makes of a model at the factor that is suggested. */
function reachedBySuggestion({ context, yarn }: ModelInspection): { extendedWindow: number; maximumFactor: number } {
  const factor = yarn?.option.factor ?? 1;
  const step = yarn?.factors.find((candidate) => candidate.factor === factor);
  return { extendedWindow: step?.extendedWindow ?? context.extendedWindow, maximumFactor: factor };
}

/** No extension is meant for the model: none is suggested. */
function endOfModel({ context }: ModelInspection, tokensNeeded: number): ContextLengthFields {
  const { nativeWindow } = context;
  const windows = { tokensAvailable: nativeWindow, nativeWindow, extendedWindow: nativeWindow };
  return { ...windows, tokensNeeded, option: undefined, suggestion: undefined, isOpenEnded: false };
}

/** The advice that such an error has otherwise is for those who generate. */
function refuse({ context }: ModelInspection, fields: ContextLengthFields): ContextLengthError {
  const { tokensNeeded, tokensAvailable, nativeWindow, suggestion } = fields;
  const advice =
    suggestion === undefined
      ? "no setting makes more of them useful; ask for a shorter context"
      : context.method === "yarn"
        ? `for more, its rope_scaling has to declare the factor ${suggestion.factor}`
        : `for more, inspect it with factor: ${suggestion.factor}`;
  const message = `${tokensNeeded} tokens do not fit, ${tokensAvailable} do (native window ${nativeWindow}); ${advice}`;
  return new ContextLengthError(fields, message);
}
