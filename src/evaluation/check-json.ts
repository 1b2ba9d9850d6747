import { InvalidConfigError } from "../index.ts";

/**
 * Checks a value that comes out of a file.
 *
 * @param path - names it in errors: `cells[3].accuracy`
 * @throws InvalidConfigError with the path
 */
export type Check = (value: unknown, path: string) => void;

/** Names and other short texts: nothing in them that a terminal would take for a command. */
export const name: Check = (value, path) => {
  if (typeof value !== "string" || value.length > 1000 || /\p{C}/u.test(value)) {
    fail(path, "a text of at most 1000 characters, without control characters", value);
  }
};

/** Texts that are not shown as they are. */
export const text: Check = (value, path) => {
  if (typeof value !== "string") fail(path, "a text", value);
};

/** @returns a check for numbers from `least` to `most` */
export function number(least: number, most: number = Number.MAX_VALUE): Check {
  return (value, path) => {
    if (typeof value !== "number" || !(value >= least && value <= most)) {
      const range = most === Number.MAX_VALUE ? `a number, ${least} at least` : `a number from ${least} to ${most}`;
      fail(path, least === -Number.MAX_VALUE ? "a finite number" : range, value);
    }
  };
}

/** @returns a check for whole numbers */
export function whole(least: number, most: number = Number.MAX_SAFE_INTEGER): Check {
  return (value, path) => {
    number(least, most)(value, path);
    if (!Number.isSafeInteger(value)) fail(path, "a whole number", value);
  };
}

export function oneOf(choices: readonly (string | number)[]): Check {
  return (value, path) => {
    if (!choices.some((choice) => choice === value)) fail(path, `one of ${choices.join(", ")}`, value);
  };
}

/** @param most - entries; without, as many as a file may hold */
export function list(check: Check, most: number = Number.MAX_SAFE_INTEGER): Check {
  return (value, path) => {
    if (!Array.isArray(value)) return fail(path, "a list", value);
    if (value.length > most) fail(path, `a list of at most ${most}`, `${value.length} entries`);
    for (const [i, entry] of value.entries()) check(entry, `${path}[${i}]`);
  };
}

/** Two numbers, the first not above the second. */
export const interval: Check = (value, path) => {
  list(number(-Number.MAX_VALUE))(value, path);
  const [low, high, ...more] = value as readonly number[];
  if (low === undefined || high === undefined || more.length > 0 || low > high) {
    fail(path, "the least and the largest value", value);
  }
};

/** @returns a check for objects; what else is in them is left alone */
export function object(
  required: Readonly<Record<string, Check>>,
  optional: Readonly<Record<string, Check>> = {},
): Check {
  return (value, path) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) return fail(path, "an object", value);
    const prefix = path === "" ? "" : `${path}.`;
    for (const [key, check] of Object.entries(required)) {
      check(Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined, prefix + key);
    }
    for (const [key, check] of Object.entries(optional)) {
      if (Object.hasOwn(value, key) && Reflect.get(value, key) !== undefined)
        check(Reflect.get(value, key), prefix + key);
    }
  };
}

/** @throws InvalidConfigError always */
export function fail(path: string, expected: string, value: unknown): never {
  const shown = value === undefined ? "is not there" : `is ${JSON.stringify(value).slice(0, 60)}`;
  throw new InvalidConfigError(path || "the file", `${shown}; it has to be ${expected}`);
}
