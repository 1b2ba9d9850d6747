import type { ComparisonNote } from "../evaluation/compare.ts";
import type { EvaluationResult, SuiteName } from "../evaluation/result.ts";

/** Everything that the terminal shows of an evaluation beside its conclusion, in one language. */
export interface EvaluateTexts {
  readonly headings: Readonly<
    Record<
      "depths" | "curves" | "cells" | "consistency" | "speed" | "conclusion" | "differences" | "onlyA" | "onlyB",
      string
    >
  >;
  /** A heading with what it is about. */
  readonly about: (heading: string, subject: string) => string;
  readonly labels: Readonly<
    Record<
      | "length"
      | "method"
      | "divergence"
      | "agreement"
      | "perplexity"
      | "exact"
      | "seconds"
      | "prefill"
      | "decode"
      | "cache"
      | "accuracy"
      | "difference"
      | "pairs",
      string
    >
  >;
  readonly suites: Readonly<Record<SuiteName, string>>;
  readonly tasks: Readonly<Record<string, string>>;
  /** Of the model. */
  readonly nativeWindow: (tokens: number) => string;
  readonly weights: (weights: string) => string;
  /** @param samples - how many a cell, `60` or `5–60` */
  readonly run: (result: EvaluationResult, samples: string) => string;
  /** Above the heat maps of a task. */
  readonly depthCaption: (questions: string) => string;
  readonly shades: string;
  /** Above the curves. */
  readonly curveCaption: (length: number) => string;
  /** Below their axis. */
  readonly axis: string;
  readonly intervals: string;
  readonly omitted: (omitted: EvaluationResult["omitted"]) => string;

  readonly comparisonNote: (note: ComparisonNote) => string;
  /** Of a difference: beyond chance, none at all, neither. */
  readonly differs: string;
  readonly isSame: string;
  readonly isUnclear: string;
  /** How many were compared, are equal, differ, and would by chance. */
  readonly comparisonSummary: (counts: {
    readonly compared: number;
    readonly equal: number;
    readonly outside: number;
    readonly differing: number;
    readonly expected: number;
  }) => string;
}
