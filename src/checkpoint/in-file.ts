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
    if (!(error instanceof Error) || error.message.includes(file)) throw error;
    if (error instanceof InvalidConfigError)
      throw new InvalidConfigError(error.field, `${error.message.slice(error.field.length + 2)} (${file})`);
    if (error instanceof UnsupportedError) throw new UnsupportedError(`${error.message} (${file})`);
    throw error;
  }
}
