import {
  countModules,
  formatFactors,
  formatNames,
  formatRange,
  furtherWindow,
  numbersOf,
} from "./inspect-adapter-facts.ts";
import type { AdapterTexts } from "./inspect-adapter-texts.ts";
import { english } from "./inspect-english.ts";
import { formatBytes, formatFactor, safeText } from "./inspect-facts.ts";

/** Adapters, in English; the findings come in it. */
export const adapterEnglish: AdapterTexts = {
  headings: { adapter: "Adapter", beside: "Beside its base" },
  labels: {
    source: "files",
    base: "tuned on",
    type: "type",
    rank: "rank",
    scale: "scale",
    targets: "targets",
    modules: "modules",
    weights: "matrices",
    tuning: "tuned at",
    fits: "fits this model",
    nativeWindow: "native window",
    extendedWindow: "extended window",
    factor: "factor",
    method: "method",
    command: "shown by",
  },
  origin: "an adapter (PEFT); no matrices were read",
  base: ({ baseModel }) =>
    baseModel === null ? "its configuration does not say" : `${safeText(baseModel)}, as its configuration says`,
  rank: (adapter) => formatRange(numbersOf(adapter, "ranks")),
  scale: (adapter) => {
    const { alpha = 8, isRankStabilised, rank = 1, scale } = adapter.rule ?? {};
    const how = isRankStabilised ? `alpha ${alpha} / √${rank} (rsLoRA)` : `alpha ${alpha} / ${rank}`;
    const scales = numbersOf(adapter, "scales");
    return `${formatRange(scales)}: ${how}${scales.some((own) => own !== scale) ? ", and patterns for some modules" : ""}`;
  },
  targets: ({ rule }) => {
    const { targets = [] } = rule ?? {};
    if (targets === "all-linear") return "all matrices but the output one (all-linear)";
    return typeof targets === "string"
      ? `modules whose whole name matches ${safeText(targets)}`
      : `modules that end with ${formatNames(targets, ", ")}`;
  },
  modules: (adapter) => {
    const { count, names, layers } = countModules(adapter);
    if (count === 0) return "none";
    return `${count}: ${formatNames(names, ", ")}${layers === undefined ? "" : ` in layers ${layers}`}`;
  },
  weights: ({ weights }) =>
    weights
      ? `${formatNames(Object.keys(weights.types), ", ")}, ${formatBytes(weights.bytes)}, ${english.parameters(weights.parameters)} parameters`
      : english.none,
  tuning: ({ tuning: { window, factor } }) => {
    if (window === null && factor === null) return "nothing says; its sequences have the base's windows";
    const length = window === null ? "factor × the base's original window" : `${window} tokens`;
    return `${length}, ${factor === null || factor === 1 ? "without YaRN" : `factor ${formatFactor(factor)} of YaRN`}`;
  },
  unknown:
    "Whether its matrices fit, and the windows and factors of its sequences, depend on the model that it is put beside, which was not given.",
  fits: ({ fits, ...adapter }) =>
    fits ? `yes, all ${countModules(adapter).count} modules` : "no, it cannot be loaded: see below",
  nativeWindow: ({ context }) => {
    const { nativeWindow = 0, adapter } = context ?? {};
    return `${nativeWindow} tokens, ${adapter === undefined ? "the model's" : "its own"}`;
  },
  extendedWindow: (plan) => {
    const { nativeWindow = 0, extendedWindow = 0 } = plan.context ?? {};
    const further = furtherWindow(plan);
    const now = extendedWindow > nativeWindow ? `${extendedWindow} tokens` : "none";
    return further ? `${now}; up to ${further.extendedWindow} tokens, once YaRN is enabled` : now;
  },
  factor: (plan) => {
    const { context } = plan;
    if (context === null) return english.none;
    const further = furtherWindow(plan);
    const least = context.minimumFactor > 1 ? ", at every length" : "";
    return `${formatFactors(context)}${least}${further ? `; ${formatFactors(further)}, once YaRN is enabled` : ""}`;
  },
  method: ({ context }) => {
    switch (context?.method) {
      case "none":
        return "plain positions, no scaling";
      case "trained":
        return `${context.declared}, as the model was trained`;
      default:
        return `${context?.method}, ${context?.schedule}`;
    }
  },
  finding: ({ message, fix }) => ({ message, fix: inFlag(fix) }),
};

/** A fix of the API in the words of `--adapter`. */
function inFlag(fix: string): string {
  return fix
    .replace(/\bgive the option factor: ([\d.]+)/, "add ,factor=$1 to --adapter")
    .replace(/\bas an option: factor: ([\d.]+)/, "in --adapter: factor=$1")
    .replace("or the options, so that", "or --adapter, so that");
}
