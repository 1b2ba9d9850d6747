import { InvalidOptionError } from "../errors.ts";

/**
 * Checks what every call's options have in common. Types say it all; callers in plain JavaScript have none.
 *
 * @throws InvalidOptionError for options that are no object, a signal that is none, and listeners that cannot be called
 */
export function checkOptions(options: {
  readonly signal?: unknown;
  readonly onProgress?: unknown;
  readonly onWarning?: unknown;
}): void {
  if (typeof options !== "object" || options === null) throw new InvalidOptionError("options", "must be an object");
  const { signal } = options;
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new InvalidOptionError("signal", "must be an AbortSignal");
  for (const name of ["onProgress", "onWarning"] as const) {
    const listener = options[name];
    if (listener !== undefined && typeof listener !== "function")
      throw new InvalidOptionError(name, "must be a function");
  }
}
