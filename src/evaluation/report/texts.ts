import type { Language } from "../language.ts";
import type { Behaviour, SuiteName } from "../result.ts";
import { chinese } from "./chinese.ts";
import { english } from "./english.ts";
import type { PairKind } from "./stretched-pairs.ts";

export const texts: Readonly<Record<Language, ReportTexts>> = { en: english, zh: chinese };

/** Everything that a report says, in one language. */
export interface ReportTexts {
  /** For the attribute `lang`. */
  readonly tag: string;
  readonly languageName: string;
  readonly title: (name: string) => string;
  readonly lead: Readonly<Record<"model" | "endpoint", string>>;
  readonly contents: string;
  readonly headings: Readonly<Record<SuiteName | "conclusion" | "frequencies" | "settings" | "again", string>>;
  readonly intros: Readonly<Record<SuiteName | "frequencies" | "again", string>>;
  readonly facts: Readonly<Record<FactName, string>>;
  readonly declaredNone: string;
  readonly axes: Readonly<Record<AxisName, string>>;
  readonly charts: Readonly<Record<ChartName, string>>;
  readonly columns: Readonly<Record<ColumnName, string>>;
  readonly pairs: Readonly<Record<PairKind, string>>;
  readonly methods: Readonly<Record<string, string>>;
  readonly methodsCaption: string;
  readonly comparisons: Readonly<Record<string, string>>;
  readonly comparisonKinds: Readonly<Record<string, string>>;
  readonly behaviour: (kind: Behaviour["kind"]) => string;
  readonly windowMark: (tokens: string) => string;
  readonly originalWindowMark: (tokens: string) => string;
  readonly atLength: (tokens: string) => string;
  readonly atFactor: (factor: string) => string;
  readonly pairSentence: (counts: Readonly<Record<PairKind | "all", number>>, factor: string) => string;
  /** A name and what it is more closely. */
  readonly titled: (title: string, detail: string) => string;
  /** What is between the least and the largest value, for those who do not see the chart. */
  readonly describe: (low: string, high: string) => string;
  readonly legend: string;
  readonly heatLegend: string;
  readonly depthMaps: string;
  readonly allFigures: (what: string) => string;
  readonly intervalNote: string;
  readonly bandNote: string;
  readonly omitted: string;
  readonly omittedAll: string;
  readonly tokens: (count: string) => string;
  readonly textFact: (text: { readonly characters: string; readonly tokens: string | undefined }) => string;
  readonly machineFact: (cores: string, threads: string | undefined) => string;
  readonly footer: (version: string) => string;
}

type FactName =
  | ("model" | "server" | "address" | "family" | "nativeWindow" | "originalWindow" | "declared" | "rotary")
  | ("weights" | "cache" | "backend" | "suites" | "methods" | "lengths" | "samples" | "seed" | "share" | "text")
  | ("hash" | "machine" | "seconds" | "date" | "version" | "behaviour");

type AxisName =
  | ("length" | "depth" | "accuracy" | "perplexity" | "position" | "pair" | "wavelength" | "stretch" | "task")
  | ("divergence" | "agreement" | "ratio" | "prefill" | "decode" | "memory");

type ChartName =
  | ("accuracyByLength" | "accuracyByDepth" | "accuracyByTask" | "whole" | "sliding" | "byPosition" | "wavelengths")
  | ("stretch" | "divergence" | "agreement" | "ratio" | "prefill" | "decode" | "memory");

type ColumnName =
  | ("task" | "method" | "length" | "samples" | "accuracy" | "interval" | "depth" | "perplexity" | "positions")
  | ("comparison" | "divergence" | "agreement" | "exactPerplexity" | "ratio" | "seconds" | "exactSeconds")
  | ("prefill" | "decode" | "memory" | "setting" | "value" | "meaning" | "factor" | "pair" | "before" | "after")
  | ("kind" | "suite");
