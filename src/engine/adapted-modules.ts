import type { TensorIndex } from "../checkpoint/tensors.ts";
import type { AdapterConfig, ModuleRule } from "../model/adapter/config.ts";
import type { AdaptedModules } from "./adapter-inspection.ts";

/**
 * The modules that an adapter's file has a matrix for, in its order: `model.layers.0.self_attn.q_proj`. A name that no module of a model has could be anything,
 * and would stand in messages as it is: it is none.
 */
export function modulesOf({ names }: TensorIndex): readonly string[] {
  const modules = names.map((name) => /^base_model\.model\.([\w.]{1,200})\.lora_[AB]\.weight$/.exec(name)?.[1]);
  return [...new Set(modules.filter((module) => module !== undefined))];
}

/** Modules by what they are called in their layers. Those that the configuration leaves alone are not among them. */
export function groupModules(modules: readonly string[], { ruleFor }: AdapterConfig): readonly AdaptedModules[] {
  const groups = new Map<string, { readonly layers: Set<number>; readonly rules: ModuleRule[] }>();
  for (const module of modules) {
    const rule = ruleFor(module);
    if (!rule) continue;
    const [, layer, name = module] = /^.*?\.(\d{1,6})\.(.+)$/.exec(module) ?? [];
    const group = groups.get(name) ?? { layers: new Set(), rules: [] };
    if (layer !== undefined) group.layers.add(Number(layer));
    group.rules.push(rule);
    groups.set(name, group);
  }
  return [...groups].map(([name, { layers, rules }]) => ({
    name,
    layers: ascending(layers),
    ranks: ascending(rules.map(({ rank }) => rank)),
    scales: ascending(rules.map(({ scale }) => scale)),
  }));
}

function ascending(numbers: Iterable<number>): readonly number[] {
  return [...new Set(numbers)].sort((a, b) => a - b);
}
