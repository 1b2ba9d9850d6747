import { InvalidConfigError, UnsupportedError } from "../errors.ts";

/**
 * Makes something of a file's content; an error about that says which file it is.
 *
 * @param file - its name, and where it is
 */
export function inFile<T>(file: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    throw namingFile(error, file);
  }
}

/** The error with the file's name in its message, unless it has that already, or is about something else. */
export function namingFile(error: unknown, file: string): unknown {
  if (!(error instanceof Error) || error.message.includes(file)) return error;
  if (error instanceof InvalidConfigError)
    return new InvalidConfigError(error.field, `${error.message.slice(error.field.length + 2)} (${file})`);
  return error instanceof UnsupportedError ? new UnsupportedError(`${error.message} (${file})`) : error;
}
