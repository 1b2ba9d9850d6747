import type { Interval } from "./result.ts";

/** A rate from 0 to 1: `93%`. Only what is exactly nothing, or everything, is shown as such. */
export function formatRate(rate: number): string {
  const percent = Math.round(rate * 100);
  if (percent === 0 && rate > 0) return "<1%";
  return percent === 100 && rate < 1 ? ">99%" : `${percent}%`;
}

/** `84–97`, per cent; outward, so that what is written holds no less than what was computed. */
export function formatRateInterval([low, high]: Interval): string {
  // What stands a rounding error above a whole number is that number.
  const [from, to] = [Math.floor(low * 100 + 1e-9), Math.ceil(high * 100 - 1e-9)];
  return `${from}–${to}`;
}

/** Three digits: `22.2`, `0.0123`, `1850`; two of what is very small or large: `1.3e-4`. */
export function formatAmount(value: number): string {
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-3) return value.toExponential(1);
  const digits = Math.max(0, 2 - Math.floor(Math.log10(size)));
  return value.toFixed(Math.min(6, digits));
}

export function formatAmountInterval([low, high]: Interval): string {
  return `${formatAmount(low)}–${formatAmount(high)}`;
}

/** How much more than once: 1.104 is `+10.4%`. */
export function formatChange(ratio: number): string {
  return formatSigned(ratio - 1, formatPercent);
}

/** @param format - of sizes */
export function formatSigned(value: number, format: (size: number) => string): string {
  return `${value < 0 ? "−" : value > 0 ? "+" : ""}${format(Math.abs(value))}`;
}

/** Of sizes that may be small: 0.104 is `10.4%`, 0.000123 is `0.012%`. */
export function formatPercent(share: number): string {
  const percent = share * 100;
  if (percent < 1e-6) return "0%";
  if (percent >= 1000) return `${percent.toPrecision(3)}%`;
  return `${percent.toFixed(percent >= 1 ? 1 : Math.min(7, 1 - Math.floor(Math.log10(percent))))}%`;
}
