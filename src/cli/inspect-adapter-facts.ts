import type { AdapterInspection, AdapterPlan } from "../index.ts";
import { formatFactor, quoteForShell, safeText } from "./inspect-facts.ts";

/** Names that a row shows. */
const mostNames = 8;

/** The command that shows an adapter beside its base; the base as the adapter names it, where that can be typed. */
export function besideCommand({ source, baseModel }: AdapterInspection): string {
  const base = baseModel !== null && /^[\w./][\w./:@+-]*$/.test(baseModel) ? baseModel : "MODEL";
  const last = source.replace(/[\\/]+$/, "").replace(/^.*[\\/]/, "");
  const name = /^\w[\w.-]*$/.test(last) ? last : "NAME";
  return `skein inspect ${base} --adapter ${quoteForShell(`${name}=${source}`)}`;
}

/** Numbers as they are, or the least and the largest of them: `16`, `4 … 32`. */
export function formatRange(numbers: readonly number[]): string {
  const [least, largest] = [Math.min(...numbers), Math.max(...numbers)];
  return least === largest ? formatFactor(least) : `${formatFactor(least)} … ${formatFactor(largest)}`;
}

/** All numbers that the modules have; the rule's where there are none. */
export function numbersOf({ modules, rule }: AdapterInspection, key: "ranks" | "scales"): readonly number[] {
  const all = modules.flatMap((module) => module[key]);
  return all.length > 0 || !rule ? all : [key === "ranks" ? rule.rank : rule.scale];
}

/** Names from a file, the first of many. */
export function formatNames(names: readonly string[], separator: string): string {
  const shown = names.slice(0, mostNames).map((name) => safeText(name));
  return (names.length > mostNames ? [...shown, "…"] : shown).join(separator);
}

/** What the file has matrices for: the names without what stands before them, how many there are, and the layers. */
export function countModules({ modules }: AdapterInspection): {
  readonly count: number;
  readonly names: readonly string[];
  /** As `0 … 27`; undefined where none is in a layer. */
  readonly layers: string | undefined;
} {
  const layers = [...new Set(modules.flatMap((module) => module.layers))].sort((a, b) => a - b);
  const isGapless = layers.every((layer, i) => layer === layers[0]! + i);
  const list = isGapless ? formatRange(layers) : formatNames(layers.map(String), ", ");
  return {
    count: modules.reduce((sum, module) => sum + Math.max(1, module.layers.length), 0),
    names: [...new Set(modules.map(({ name }) => name.replace(/^.*\./, "")))],
    layers: layers.length === 0 ? undefined : list,
  };
}

/** The windows with YaRN enabled, where that takes the adapter's sequences further than they go without. */
export function furtherWindow({ context, contextWithYarn }: AdapterPlan): AdapterPlan["context"] {
  if (context === null || contextWithYarn === null) return null;
  return contextWithYarn.extendedWindow > context.extendedWindow ? contextWithYarn : null;
}

/** The factors that sequences may have. */
export function formatFactors({ minimumFactor, maximumFactor }: NonNullable<AdapterPlan["context"]>): string {
  return formatRange([minimumFactor, maximumFactor]);
}
