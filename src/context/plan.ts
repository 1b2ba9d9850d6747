import { contextLengthError, openEndError } from "./context-length-error.ts";
import { type ContextSettings, windowAt } from "./settings.ts";

/** What is decided before a sequence, or a turn of it, is computed. */
export interface Plan {
  /** The factor of the whole sequence; 1 = native. */
  readonly factor: number;
  /** How many tokens may be generated. */
  readonly maxTokens: number;
  /** What ends the answer when `maxTokens` are generated: the user's own limit, or the end of the window. */
  readonly limit: "maxTokens" | "window";
}

/** What a plan is asked for. */
export interface PlanRequest {
  /** Tokens of the sequence so far, the new prompt included. */
  readonly tokens: number;
  /** Tokens to generate: a number; 0 for none; undefined: to the end of the window at the factor that the prompt alone needs. */
  readonly maxTokens?: number | undefined;
  /** The factor that the sequence has already; it does not shrink while any of its tokens stay. */
  readonly currentFactor?: number;
}

/**
 * Plans a sequence for `tokens` + `maxTokens`, so that nothing grows inside one request.
 *
 * @throws ContextLengthError when that is more than the window has, before anything is computed
 */
export function plan(settings: ContextSettings, request: PlanRequest): Plan {
  const { tokens, maxTokens, currentFactor = 1 } = request;
  const isAllowed = settings.method === "trained" || currentFactor <= settings.maximumFactor;
  const least = isAllowed ? currentFactor : 1; // a request that was narrowed may not have the factor of its session
  if (maxTokens !== undefined) {
    const factor = Math.max(least, factorFor(settings, tokens + maxTokens));
    return { factor, maxTokens, limit: "maxTokens" };
  }
  const factor = Math.max(least, factorFor(settings, tokens));
  const window = windowAt(settings, factor);
  if (tokens >= window) throw openEndError(settings, tokens + 1, factor);
  return { factor, maxTokens: window - tokens, limit: "window" };
}

/**
 * The factor that a sequence of this length gets under the schedule.
 *
 * @param tokens - the length planned for
 * @throws ContextLengthError past the extended window, unless `allowBeyondWindow`
 */
export function factorFor(settings: ContextSettings, tokens: number): number {
  if (tokens > settings.extendedWindow && !settings.allowBeyondWindow) throw contextLengthError(settings, tokens);
  const needed = Math.max(1, tokens / settings.originalWindow);
  if (settings.method === "trained") {
    // These two look at the length: NTK's base follows it, and longrope has one list of factors for short and one for long sequences.
    if (settings.declared === "dynamic") return needed;
    if (settings.declared === "longrope") return needed === 1 ? 1 : Math.max(needed, settings.maximumFactor);
    return settings.maximumFactor;
  }
  if (settings.schedule === "static") return settings.maximumFactor;
  if (tokens <= settings.nativeWindow) return settings.minimumFactor;
  if (settings.steps === "continuous")
    return Math.min(Math.max(needed, settings.minimumFactor), settings.maximumFactor);
  return settings.steps.find((step) => windowAt(settings, step) >= tokens) ?? settings.maximumFactor;
}
