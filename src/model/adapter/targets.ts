import { type ConfigFields, fieldOf, formatValue, invalidField } from "../config-fields.ts";
import { compileNamePattern } from "./name-pattern.ts";

const mostNames = 1024;
const mostLayers = 4096;

/**
 * Which modules an adapter changes, as PEFT decides it: names in a list stand for all modules that end so; a text is a pattern of whole names, or
 * `all-linear`, which is every matrix but the output one.
 *
 * @throws InvalidConfigError, UnsupportedError
 */
export function readTargets(fields: ConfigFields): (module: string) => boolean {
  const isExcluded = readMatcher(fields, "exclude_modules") ?? (() => false);
  const isNamed = readMatcher(fields, "target_modules");
  if (!isNamed) throw invalidField(fields, "target_modules", "is missing; it says which modules the adapter changes");
  const isInLayers = readLayers(fields);
  const whole = fieldOf(fields, "target_modules");
  // As in PEFT: a module that the list names in full is changed whatever layers are chosen.
  const isWhole = (module: string): boolean => Array.isArray(whole) && whole.includes(module);
  return (module) => !isExcluded(module) && isNamed(module) && (isWhole(module) || isInLayers(module));
}

function readMatcher(fields: ConfigFields, name: string): ((module: string) => boolean) | undefined {
  const value = fieldOf(fields, name);
  if (value === undefined || value === null) return undefined;
  if (typeof value === "string" && value.toLowerCase() === "all-linear" && name === "target_modules")
    return (module) => module !== "lm_head" && module !== "model.embed_tokens";
  if (typeof value === "string") {
    const pattern = compileNamePattern(`${fields.prefix}${name}`, value);
    return (module) => pattern.matches(module);
  }
  const endings = readNames(fields, name, value);
  return (module) => endings.some((ending) => module === ending || module.endsWith(`.${ending}`));
}

function readNames(fields: ConfigFields, name: string, value: unknown): readonly string[] {
  if (!Array.isArray(value) || !value.every((item) => typeof item === "string"))
    throw invalidField(fields, name, `must be a list of names, not ${formatValue(value)}`);
  if (value.length > mostNames)
    throw invalidField(fields, name, `has ${value.length} entries; ${mostNames} are the most`);
  return value;
}

/** `layers_to_transform` counts for lists of names only, as in PEFT. */
function readLayers(fields: ConfigFields): (module: string) => boolean {
  const value = fieldOf(fields, "layers_to_transform");
  if (value === undefined || value === null || (Array.isArray(value) && value.length === 0)) return () => true;
  if (typeof fieldOf(fields, "target_modules") === "string")
    throw invalidField(fields, "layers_to_transform", "goes with a list of target_modules only, not with a pattern");
  const layers: readonly unknown[] = Array.isArray(value) ? value : [value];
  if (layers.length > mostLayers || !layers.every((layer) => Number.isInteger(layer)))
    throw invalidField(fields, "layers_to_transform", `must be numbers of layers, not ${formatValue(value)}`);
  const named = fieldOf(fields, "layers_pattern") ?? "";
  const lists = typeof named === "string" ? named : readNames(fields, "layers_pattern", named).join("|");
  const list = lists === "" ? ".*\\.[^.]*" : `(.*\\.)?(${lists})`;
  const pattern = compileNamePattern(`${fields.prefix}layers_pattern`, `${list}\\.\\d+\\..*`);
  const chosen = new Set(layers);
  return (module) => pattern.matches(module) && chosen.has(Number(/^.*\.(\d+)\./.exec(module)![1]));
}
