import { UnsupportedError } from "../../errors.ts";
import {
  type ConfigFields,
  fieldOf,
  formatValue,
  invalidField,
  optionalBoolean,
  optionalNumber,
  readFields,
  requiredNumber,
} from "../config-fields.ts";
import { findUnsupported } from "./features.ts";
import { compileNamePattern, type NamePattern } from "./name-pattern.ts";
import { readTargets } from "./targets.ts";

/** How an adapter changes one module: W becomes W + scale · B · A. */
export interface ModuleRule {
  /** Rows of A and columns of B. */
  readonly rank: number;
  /** α / r, or α / √r. */
  readonly scale: number;
}

/** What an adapter's configuration says, module by module. */
export interface AdapterConfig {
  /** Of modules that no pattern names. */
  readonly rank: number;
  /** α of modules that no pattern names. */
  readonly alpha: number;
  /** Whether the scale is α / √r, not α / r. */
  readonly isRankStabilised: boolean;
  /**
   * @param module - as `model.layers.0.self_attn.q_proj`
   * @returns undefined where the adapter leaves the module alone
   */
  ruleFor(module: string): ModuleRule | undefined;
}

/** No adapter has a higher rank; a file that claims more must not make Skein count with it. */
const mostRank = 65536;
const mostPatterns = 4096;
/** Characters of all patterns that are more than names: what they may cost together. */
const mostPatternText = 4000;

/**
 * Validates an `adapter_config.json` of PEFT, of the type LORA.
 *
 * @param prefix - before every field's name in messages
 * @throws InvalidConfigError naming the field that is missing or cannot be
 * @throws UnsupportedError naming the feature that the adapter needs and Skein does not have
 * @see PEFT `tuners/lora/config.py`, `tuners/tuners_utils.py` (check_target_module_exists), `utils/other.py` (get_pattern_key)
 */
export function parseAdapterConfig(json: unknown, prefix = "adapter_config."): AdapterConfig {
  const fields = readFields(json, `${prefix}json`, prefix);
  for (const { message } of findUnsupported(fields)) throw new UnsupportedError(message);
  return readRules(fields);
}

/**
 * The rules of a configuration, whatever else is in it.
 *
 * @throws InvalidConfigError, UnsupportedError as {@link parseAdapterConfig}
 */
export function readRules(fields: ConfigFields): AdapterConfig {
  const rank = requiredNumber(fields, "r", { integer: true, minimum: 1, maximum: mostRank });
  const alpha = optionalNumber(fields, "lora_alpha", {}, 8);
  const isRankStabilised = optionalBoolean(fields, "use_rslora", false);
  const isTarget = readTargets(fields);
  const ranks = readPatterns(fields, "rank_pattern", { integer: true, minimum: 1, maximum: mostRank });
  const alphas = readPatterns(fields, "alpha_pattern", {});
  return {
    rank,
    alpha,
    isRankStabilised,
    ruleFor(module) {
      if (!isTarget(module)) return undefined;
      const own = ranks(module) ?? rank;
      return { rank: own, scale: (alphas(module) ?? alpha) / (isRankStabilised ? Math.sqrt(own) : own) };
    },
  };
}

/** Numbers by patterns for the end of a module's name; the first that matches counts. */
function readPatterns(
  fields: ConfigFields,
  name: string,
  rule: Parameters<typeof requiredNumber>[2],
): (module: string) => number | undefined {
  const value = fieldOf(fields, name) ?? {};
  if (typeof value !== "object" || Array.isArray(value))
    throw invalidField(fields, name, `must be an object of numbers, not ${formatValue(value)}`);
  const values = { values: value as Record<string, unknown>, prefix: `${fields.prefix}${name}.` };
  const keys = Object.keys(value);
  if (keys.length > mostPatterns)
    throw invalidField(fields, name, `has ${keys.length} entries; ${mostPatterns} are the most`);
  const text = keys.filter((key) => !isPlainName(key)).join("");
  if (text.length > mostPatternText)
    throw new UnsupportedError(
      `${fields.prefix}${name}: its patterns are longer than ${mostPatternText} characters together`,
    );
  const patterns = keys.map((key) => ({
    pattern: compileEnd(`${fields.prefix}${name}`, key),
    value: requiredNumber(values, key, rule),
  }));
  return (module) => patterns.find(({ pattern }) => pattern.matches(module))?.value;
}

/** A pattern for whole parts at the end of a name, as PEFT takes it. */
function compileEnd(field: string, key: string): NamePattern {
  if (!isPlainName(key)) return compileNamePattern(field, `(.*\\.)?(${key})$`);
  return {
    matches: (name) => {
      const start = name.length - key.length;
      if (start < 0 || (start > 0 && name[start - 1] !== ".")) return false;
      for (let i = 0; i < key.length; i++) if (key[i] !== "." && key[i] !== name[start + i]) return false;
      return true;
    },
  };
}

/** Whether nothing in the text is special in a pattern but dots, which stand for any character. */
function isPlainName(key: string): boolean {
  return /^[\w.-]+$/.test(key);
}
