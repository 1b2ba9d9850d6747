import { InvalidConfigError } from "../errors.ts";

/** A JSON object of a configuration file, and how its fields are named in messages. */
export interface ConfigFields {
  readonly values: Readonly<Record<string, unknown>>;
  /** Before every field's name: empty for config.json, `generation_config.` for the other. */
  readonly prefix: string;
}

/** What a number must be. */
export interface NumberRule {
  readonly integer?: boolean;
  readonly minimum?: number;
  /** A bound that the number must be greater than. */
  readonly above?: number;
  readonly maximum?: number;
}

/**
 * @param file - for the message when it is no object
 * @throws InvalidConfigError
 */
export function readFields(json: unknown, file: string, prefix: string): ConfigFields {
  if (typeof json !== "object" || json === null || Array.isArray(json)) {
    throw new InvalidConfigError(file, `must be a JSON object, not ${formatValue(json)}`);
  }
  return { values: json as Record<string, unknown>, prefix };
}

/** A field's value; `undefined` when it is absent. Nothing is inherited: files may use any name. */
export function fieldOf(fields: ConfigFields, name: string): unknown {
  return Object.hasOwn(fields.values, name) ? fields.values[name] : undefined;
}

/** A field that must be there. @throws InvalidConfigError */
export function requiredNumber(fields: ConfigFields, name: string, rule: NumberRule): number {
  const value = fieldOf(fields, name);
  if (value === undefined || value === null) throw invalidField(fields, name, "is missing");
  return checkNumber(fields, name, value, rule);
}

/** A field that may be absent, or null: then `fallback`. @throws InvalidConfigError */
export function optionalNumber<Fallback>(
  fields: ConfigFields,
  name: string,
  rule: NumberRule,
  fallback: Fallback,
): number | Fallback {
  const value = fieldOf(fields, name);
  return value === undefined || value === null ? fallback : checkNumber(fields, name, value, rule);
}

/** A field that may be absent, or null: then `fallback`. @throws InvalidConfigError */
export function optionalBoolean(fields: ConfigFields, name: string, fallback: boolean): boolean {
  const value = fieldOf(fields, name);
  if (value === undefined || value === null) return fallback;
  if (typeof value !== "boolean") throw invalidField(fields, name, `must be true or false, not ${formatValue(value)}`);
  return value;
}

/** One token id, a list of them, or null (also when absent). @throws InvalidConfigError */
export function optionalTokens(fields: ConfigFields, name: string, vocabularySize: number): number | number[] | null {
  const value = fieldOf(fields, name);
  if (value === undefined || value === null) return null;
  const rule: NumberRule = { integer: true, minimum: 0, maximum: vocabularySize - 1 };
  if (!Array.isArray(value)) return checkNumber(fields, name, value, rule);
  if (value.length > 1024) throw invalidField(fields, name, `has ${value.length} entries; 1024 are the most`);
  return value.map((token) => checkNumber(fields, name, token, rule));
}

/** An object, or null; `undefined` when absent. @throws InvalidConfigError */
export function optionalObject(fields: ConfigFields, name: string): object | null | undefined {
  const value = fieldOf(fields, name);
  if (value === undefined || value === null) return value;
  if (typeof value !== "object" || Array.isArray(value)) {
    throw invalidField(fields, name, `must be an object or null, not ${formatValue(value)}`);
  }
  return value;
}

/**
 * The block that scales positions: `rope_scaling`, or `rope_parameters` as transformers 5 calls it; without fields when
 * there is neither. An empty block counts as absent, as in transformers.
 *
 * @throws InvalidConfigError when one is no object
 */
export function ropeBlock(fields: ConfigFields): ConfigFields {
  const [older, newer] = ["rope_scaling", "rope_parameters"].map((name) => optionalObject(fields, name) ?? {});
  const isOlder = Object.keys(older ?? {}).length > 0;
  return isOlder
    ? { values: older as Record<string, unknown>, prefix: "rope_scaling." }
    : { values: newer as Record<string, unknown>, prefix: "rope_parameters." };
}

/** The error for a field that cannot be followed. */
export function invalidField(fields: ConfigFields, name: string, problem: string): InvalidConfigError {
  return new InvalidConfigError(fields.prefix + name, problem);
}

/** A value from an untrusted file, fit for a message: one line of bounded length. */
export function formatValue(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (Array.isArray(value)) return "a list";
  return typeof value === "object" && value !== null ? "an object" : String(value);
}

function checkNumber(fields: ConfigFields, name: string, value: unknown, rule: NumberRule): number {
  const { integer = false, minimum = -Infinity, above = -Infinity, maximum = Number.MAX_VALUE } = rule;
  if (typeof value === "number" && value >= minimum && value > above && value <= maximum) {
    if (!integer || Number.isInteger(value)) return value;
  }
  throw invalidField(fields, name, `must be ${formatRule(rule)}, not ${formatValue(value)}`);
}

function formatRule({ integer, minimum, above, maximum }: NumberRule): string {
  const bounds: string[] = [];
  if (minimum !== undefined) bounds.push(`at least ${minimum}`);
  if (above !== undefined) bounds.push(`greater than ${above}`);
  if (maximum !== undefined) bounds.push(`at most ${maximum}`);
  return [integer ? "a whole number" : "a number", bounds.join(" and ")].filter((part) => part !== "").join(", ");
}
