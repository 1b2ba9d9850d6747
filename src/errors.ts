/**
 * The base of every error that Skein throws on purpose: a stable `code` for programs, and a message for people that says
 * what was wrong, where, and what to do. It stands below every other folder.
 */
export class SkeinError extends Error {
  override readonly name: string = "SkeinError";
  /** Stable across versions; messages are not. */
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** An option, an argument or a combination of them that cannot be followed. Code `invalid_option`. */
export class InvalidOptionError extends SkeinError {
  override readonly name: string = "InvalidOptionError";
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

  constructor(message: string) {
    super("unsupported", message);
  }
}
