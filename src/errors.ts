/** The codes of errors; stable across versions. */
export type SkeinErrorCode =
  | "adapter_without_base"
  | "busy"
  | "closed"
  | "context_length_exceeded"
  | "damaged_download"
  | "disk_full"
  | "disposed"
  | "gated"
  | "internal"
  | "invalid_checkpoint"
  | "invalid_config"
  | "invalid_logits"
  | "invalid_option"
  | "invalid_snapshot"
  | "network"
  | "no_chat_template"
  | "no_tokenizer"
  | "not_cached"
  | "not_found"
  | "out_of_memory"
  | "permission_denied"
  | "rate_limited"
  | "read_failed"
  | "snapshot_mismatch"
  | "template_error"
  | "template_memory"
  | "template_timeout"
  | "tokenizer_timeout"
  | "unauthorized"
  | "unsupported"
  | "worker_failed"
  | "write_failed"
  // Caught where steps are run.
  | "cancelled"
  // Of `skein evaluate` alone.
  | "endpoint"
  | "endpoint_unreachable"
  | "invalid_result"
  | "nothing_measured"
  | "nothing_to_compare";

/**
 * The base of every error that Skein throws on purpose: a stable `code` for programs, and a message for people that says
 * what was wrong, where, and what to do. It stands below every other folder.
 */
export class SkeinError extends Error {
  override readonly name: string = "SkeinError";
  /** Stable across versions; messages are not. */
  readonly code: SkeinErrorCode;

  constructor(code: SkeinErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** An option, an argument or a combination of them that cannot be followed. Code `invalid_option`. */
export class InvalidOptionError extends SkeinError {
  override readonly name: string = "InvalidOptionError";
  declare readonly code: "invalid_option";
  /** The option's name as the caller wrote it, e.g. `context.factor`. */
  readonly option: string;

  constructor(option: string, message: string) {
    super("invalid_option", `${option}: ${message}`);
    this.option = option;
  }
}

/** A configuration file (`config.json`, a `rope_scaling` block, ...) that cannot be followed. Code `invalid_config`. */
export class InvalidConfigError extends SkeinError {
  override readonly name: string = "InvalidConfigError";
  declare readonly code: "invalid_config";
  /** The field at fault, as a path: `rope_scaling.factor`. */
  readonly field: string;

  constructor(field: string, message: string) {
    super("invalid_config", `${field}: ${message}`);
    this.field = field;
  }
}

/** A model, file or feature that Skein knows of and does not support; the message names it. Code `unsupported`. */
export class UnsupportedError extends SkeinError {
  override readonly name: string = "UnsupportedError";
  declare readonly code: "unsupported";

  constructor(message: string) {
    super("unsupported", message);
  }
}

/** A value as messages show it: one line, and short however long or strange the value is. */
export function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "object" && value !== null)
    return Array.isArray(value) ? `a list of ${value.length}` : "an object";
  return typeof value === "function" || typeof value === "symbol" ? `a ${typeof value}` : String(value);
}

/**
 * Checks an option that may be left out. Types say it all; callers in plain JavaScript have none.
 *
 * @param wanted - for the message: what it must be
 * @throws InvalidOptionError
 */
export function checkOption(option: string, value: unknown, isRight: boolean, wanted: string): void {
  if (value !== undefined && !isRight) throw new InvalidOptionError(option, `must be ${wanted}, not ${show(value)}`);
}

/** As {@link checkOption}, for what is true or false. */
export function checkFlag(option: string, value: unknown): void {
  checkOption(option, value, typeof value === "boolean", "true or false");
}

/** As {@link checkOption}. @param hint - for the message, behind the rest */
export function checkWhole(option: string, value: unknown, least: number, most: number, hint = ""): void {
  const isRight = Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
  checkOption(option, value, isRight, `a whole number from ${least} to ${most}${hint}`);
}
