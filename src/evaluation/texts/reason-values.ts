import { formatAmount, formatRate } from "../format-number.ts";
import type { Behaviour } from "../result.ts";

/** A verdict's reason in words, from what came with its code. */
export type ReasonText = (values: ReasonValues) => string;

/** Of a reason: whole numbers as they are, others in three digits. */
export interface ReasonValues {
  readonly show: (key: string) => string;
  /** As per cent. */
  readonly rate: (key: string) => string;
  readonly has: (key: string) => boolean;
}

/**
 * @param texts - by code; a reason without one is left out
 * @returns sentences
 */
export function sayReasons({ reasons }: Behaviour, texts: Readonly<Record<string, ReasonText>>): readonly string[] {
  return reasons.flatMap(({ code, values }) => {
    const text = Object.hasOwn(texts, code) ? texts[code] : undefined;
    const find = (key: string) => (Object.hasOwn(values, key) ? values[key] : undefined);
    const show = (key: string): string => {
      const value = find(key);
      if (typeof value !== "number") return value ?? "?";
      return Number.isInteger(value) ? String(value) : formatAmount(value);
    };
    const rate = (key: string): string => {
      const value = find(key);
      return typeof value === "number" ? formatRate(value) : "?";
    };
    return text ? [text({ show, rate, has: (key) => find(key) !== undefined })] : [];
  });
}
