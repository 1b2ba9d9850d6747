import type { ScaleOptions } from "@observablehq/plot";
import type { Interval } from "../result.ts";
import { formatTick } from "./numbers.ts";

/**
 * `rate` from 0 to 1 and `share` up to 1, shown as per cent; `amount` from 0; `ratio` for what is compared by how many times it is as
 * large.
 */
export type Scale = "rate" | "share" | "amount" | "ratio";

interface Value {
  readonly value: number;
  readonly interval?: Interval | undefined;
}

/** An axis of values. */
export interface ValueAxis {
  readonly scale: ScaleOptions;
  readonly ticks: readonly number[];
  readonly tickFormat: (value: number) => string;
}

/** For values and their intervals. An interval that is much wider than what it is of goes past the end. */
export function valueAxis(scale: Scale, all: readonly Value[]): ValueAxis {
  const values = all.map(({ value }) => value).filter((value) => Number.isFinite(value) && value >= 0);
  const ends = all.flatMap(({ interval }) => interval ?? []).filter(Number.isFinite);
  const top = Math.max(...values, 0);
  if (scale === "rate" || scale === "share") {
    const low = scale === "rate" ? 0 : Math.max(0, Math.floor((Math.min(...values, 1) - 0.02) * 20) / 20);
    const tickFormat = (rate: number): string => String(Math.round(rate * 1000) / 10);
    return { scale: { domain: [low, 1] }, ticks: evenTicks(low, 1), tickFormat };
  }
  if (scale === "amount") {
    const high = Math.min(top * 1.5, Math.max(top, ...ends)) * 1.05 || 1;
    return { scale: { domain: [0, high] }, ticks: evenTicks(0, high), tickFormat: formatTick };
  }
  const positive = values.filter((value) => value > 0);
  const bottom = positive.length > 0 ? Math.min(...positive) : 1;
  const highest = positive.length > 0 ? top : 10;
  const low = Math.max(bottom / 1.5, Math.min(bottom, ...ends)) / 1.06;
  const high = Math.min(highest * 1.5, Math.max(highest, ...ends)) * 1.06;
  return { scale: { type: "log", domain: [low, high] }, ticks: ratioTicks(low, high), tickFormat: formatTick };
}

/** Round numbers on a logarithmic axis: at most seven. */
export function ratioTicks(low: number, high: number): readonly number[] {
  if (high / low < 2.5) return evenTicks(low, high);
  const most = 7;
  const powers = Array.from({ length: 40 }, (_, index) => index - 20);
  const sets = [[1, 1.5, 2, 3, 4, 5, 7], [1, 2, 3, 5, 7], [1, 2, 5], [1, 3], [1]];
  const ticks = sets.map((set) =>
    powers.flatMap((power) => set.map((digit) => digit * 10 ** power)).filter((tick) => tick >= low && tick <= high),
  );
  const last = ticks.at(-1)!;
  return (
    ticks.find(({ length }) => length <= most) ?? last.filter((_, index) => index % Math.ceil(last.length / most) === 0)
  );
}

/** Round numbers, three to eight of them. */
function evenTicks(low: number, high: number): readonly number[] {
  const raw = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(raw));
  const digit = [7.1, 3.2, 1.4].findIndex((least) => raw / power >= least);
  const step = ([10, 5, 2][digit] ?? 1) * power;
  const first = Math.ceil(low / step - 1e-9);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  return Array.from({ length: count }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}
