import type { AdapterInspection, AdapterPlan, AdapterWarning } from "../index.ts";

/** Everything that a report on adapters says, in one language. */
export interface AdapterTexts {
  readonly headings: Readonly<Record<"adapter" | "beside", string>>;
  readonly labels: Readonly<Record<AdapterLabel, string>>;
  /** Beside the adapter's name. */
  readonly origin: string;
  readonly base: (adapter: AdapterInspection) => string;
  readonly rank: (adapter: AdapterInspection) => string;
  readonly scale: (adapter: AdapterInspection) => string;
  readonly targets: (adapter: AdapterInspection) => string;
  readonly modules: (adapter: AdapterInspection) => string;
  readonly weights: (adapter: AdapterInspection) => string;
  readonly tuning: (adapter: AdapterInspection) => string;
  /** What is known only beside the base. */
  readonly unknown: string;
  readonly fits: (plan: AdapterPlan) => string;
  readonly nativeWindow: (plan: AdapterPlan) => string;
  readonly extendedWindow: (plan: AdapterPlan) => string;
  readonly factor: (plan: AdapterPlan) => string;
  readonly method: (plan: AdapterPlan) => string;
  readonly finding: (warning: AdapterWarning) => { readonly message: string; readonly fix: string };
}

type AdapterLabel =
  | "source"
  | "base"
  | "type"
  | "rank"
  | "scale"
  | "targets"
  | "modules"
  | "weights"
  | "tuning"
  | "fits"
  | "nativeWindow"
  | "extendedWindow"
  | "factor"
  | "method"
  | "command";
