import type { ContextSettings } from "./settings.ts";

/** @returns the tokens that fit at a factor, which is no less than the native window */
export function stretchedWindow(
  factor: number,
  { originalWindow, nativeWindow }: Pick<ContextSettings, "originalWindow" | "nativeWindow">,
): number {
  // A continuous factor is tokens / window: their product may fall short of the tokens by a rounding.
  return Math.max(nativeWindow, Math.floor(originalWindow * factor + 1e-6));
}
