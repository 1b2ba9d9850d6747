import type { Interval } from "../result.ts";

// Making one takes longer than a thousand numbers.
const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const threeDigits = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const allDigits = new Intl.NumberFormat("en", { maximumSignificantDigits: 8 });

/** As `1,024`. */
export function formatCount(count: number): string {
  return whole.format(count);
}

/** Of three digits, as `22.2`, `0.0431`, `1,240`; of very small and very large ones as `3.2e-7`. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "–" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  if (size !== 0 && (size < 1e-4 || size >= 1e7)) return value.toExponential(1);
  return (size >= 100 ? whole : threeDigits).format(value);
}

/** All digits of a round number, as `1.002`. */
export function formatTick(value: number): string {
  if (value !== 0 && Math.abs(value) < 1e-4) return value.toExponential();
  return allDigits.format(value);
}

/** As `21.9–22.6`. */
export function formatInterval([low, high]: Interval): string {
  return `${formatNumber(low)}–${formatNumber(high)}`;
}

/** As `512`, `32K`: those of windows are short. */
export function formatLength(tokens: number): string {
  return tokens >= 4096 && tokens % 1024 === 0 ? `${tokens / 1024}K` : formatCount(tokens);
}

/** As `1.5 MiB`. */
export function formatBytes(bytes: number): string {
  const unit = Math.min(3, Math.max(0, Math.floor(Math.log2(bytes) / 10)));
  return `${formatNumber(bytes / 1024 ** unit)} ${["B", "KiB", "MiB", "GiB"][unit]}`;
}

/** As `4 min 05 s`. */
export function formatDuration(seconds: number): string {
  if (seconds < 60) return `${formatNumber(seconds)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${String(Math.floor(seconds % 60)).padStart(2, "0")} s`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}
