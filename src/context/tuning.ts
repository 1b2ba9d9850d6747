import { InvalidOptionError } from "../errors.ts";
import type { ContextSettings } from "./settings.ts";
import { stretchedWindow } from "./stretched-window.ts";

/** At which length an adapter was tuned. */
export interface Tuning {
  /** The adapter's name. */
  readonly adapter: string;
  /** Tokens that it was tuned at. */
  readonly window?: number | undefined;
  /** The factor of YaRN, over the base's original window, that it was tuned with; 1 = none. */
  readonly factor?: number | undefined;
}

/** The windows that an adapter and its base do not agree about, in words. */
export interface TuningWarning {
  readonly code: "adapter_window_without_factor" | "adapter_window_beyond_factor" | "adapter_window_shorter";
  readonly message: string;
}

/**
 * The context of sequences that have an adapter. Its window takes the place of the native one. Where it was tuned with a factor, all its sequences have this
 * one at least, since it has never seen others; without, they are plain up to its window, and factors refer to that.
 *
 * @param base - what the model's options came to, without the adapter
 * @throws InvalidOptionError when the base's positions are scaled in a way that YaRN cannot be put on
 */
export function tune(base: ContextSettings, tuning: Tuning): ContextSettings {
  if (!hasOwnWindow(tuning)) return base;
  const { adapter, window, factor = 1 } = tuning;
  if (factor > 1)
    return stretchTo(base, adapter, factor, window ?? stretchedWindow(factor, { ...base, nativeWindow: 1 }));
  const nativeWindow = window!;
  if (nativeWindow === base.nativeWindow) return { ...base, adapter };
  if (base.method === "trained") return { ...base, adapter, nativeWindow, extendedWindow: nativeWindow };
  const windows = { nativeWindow, originalWindow: nativeWindow };
  return { ...base, ...windows, adapter, extendedWindow: stretchedWindow(base.maximumFactor, windows) };
}

/** @returns whether an adapter was tuned at a length that it names; one that was not has the model's windows */
export function hasOwnWindow({ window, factor = 1 }: Tuning): boolean {
  return window !== undefined || factor !== 1;
}

/**
 * What is odd about an adapter's window beside its base. It is followed all the same.
 *
 * @param base - what the model's options came to, without the adapter
 */
export function tuningWarnings(base: ContextSettings, { adapter, window, factor = 1 }: Tuning): TuningWarning[] {
  if (window === undefined) return [];
  const reach = Math.floor(base.originalWindow * factor);
  if (factor > 1 && window > reach)
    return [
      {
        code: "adapter_window_beyond_factor",
        message: `the adapter ${adapter}: factor ${factor} stretches the base's window of ${base.originalWindow} tokens to ${reach}, less than the ${window} that it says it was tuned at; both are followed. If it was tuned with another factor, give that one`,
      },
    ];
  if (factor === 1 && base.method !== "trained" && window > base.nativeWindow)
    return [
      {
        code: "adapter_window_without_factor",
        message: `the adapter ${adapter}: it says it was tuned at ${window} tokens, and the base's native window has ${base.nativeWindow}; positions up to ${window} are used unscaled. If it was tuned with YaRN, give its factor (${Number((window / base.originalWindow).toFixed(3))}?)`,
      },
    ];
  if (window < base.nativeWindow)
    return [
      {
        code: "adapter_window_shorter",
        message: `the adapter ${adapter}: it says it was tuned at ${window} tokens, fewer than the ${base.nativeWindow} of the base's native window; its sequences end there, unless they are extended`,
      },
    ];
  return [];
}

/** As the adapter was tuned: YaRN at its factor for all lengths up to its window, and further only where the model's options allow more. */
function stretchTo(base: ContextSettings, adapter: string, factor: number, nativeWindow: number): ContextSettings {
  if (base.method !== "none" && base.method !== "yarn") {
    const what =
      base.method === "trained" ? `the ${base.declared} scaling that the base was trained with` : base.method;
    throw new InvalidOptionError(
      "adapter.factor",
      `the adapter ${adapter}: YaRN of factor ${factor} cannot be put on ${what}`,
    );
  }
  const { originalWindow } = base;
  const windows = { nativeWindow, originalWindow };
  const isFurther = base.method === "yarn" && base.maximumFactor > factor;
  const maximumFactor = isFurther ? base.maximumFactor : factor;
  const steps =
    base.steps === "continuous"
      ? base.steps
      : [factor, ...(isFurther ? base.steps.filter((step) => step > factor) : [])];
  return {
    ...base,
    ...windows,
    adapter,
    method: "yarn",
    minimumFactor: factor,
    maximumFactor,
    extendedWindow: isFurther ? stretchedWindow(maximumFactor, windows) : nativeWindow,
    schedule: isFurther ? base.schedule : "static",
    steps,
  };
}
