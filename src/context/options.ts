import { checkFlag, checkOption, checkWhole, InvalidOptionError } from "../errors.ts";

/** How a model's context window may be extended. */
export const extensions = ["declared", "none", "yarn", "linear", "ntk"] as const;
export type Extension = (typeof extensions)[number];

/** How the factor of a sequence is chosen: always the largest one, or the least that its planned length needs. */
export const schedules = ["dynamic", "static"] as const;
export type Schedule = (typeof schedules)[number];

/** What happens when a sequence outgrows its factor: exact, or cheap and approximate. */
export const growths = ["recompute", "rerotate"] as const;
export type Growth = (typeof growths)[number];

/** What a user may say about the context window, of a model, a session or a request. */
export interface ContextOptions {
  /**
   * `declared` (default): what the configuration declares. `none`: the native window only. `yarn`, `linear`, `ntk`: extended by that
   * method.
   */
  readonly extend?: Extension | undefined;
  /** The largest factor by which the window may be stretched; 4 by default, or the declared one. */
  readonly factor?: number | undefined;
  /** @see {@link Schedule}; `dynamic` unless the model was trained with what its configuration declares */
  readonly schedule?: Schedule | undefined;
  /**
   * The factors that a dynamic schedule chooses from, cut to the largest factor; [1, 2, 4] by default. `continuous` takes exactly what a length
   * needs, so that every token past the native window outgrows the plan before: give sessions `plannedTokens`, and answers `maxTokens`.
   */
  readonly steps?: readonly number[] | "continuous" | undefined;
  /** @see {@link Growth}; `recompute` by default */
  readonly growth?: Growth | undefined;
  /** The number of tokens usable without extension, in place of what the configuration says. */
  readonly nativeWindow?: number | undefined;
  /** Accepts tokens past the extended window, to measure what goes wrong there. Never a default. */
  readonly allowBeyondWindow?: boolean | undefined;
}

/** The largest window that is taken for one: past this float32 cannot tell positions apart. */
const largestWindow = 2 ** 24;
const largestFactor = 1024;

const known = ["extend", "factor", "schedule", "steps", "growth", "nativeWindow", "allowBeyondWindow"] as const;

/**
 * The options that are given, as plain data. They are read by their names, and once: what is inherited, computed, or comes out of a Proxy is followed like any
 * other, and reaches a worker, which is sent own fields only.
 *
 * @throws InvalidOptionError naming the first option that cannot be followed
 */
export function readContextOptions(given: ContextOptions): ContextOptions {
  if (typeof given !== "object" || given === null) throw new InvalidOptionError("context", "must be an object");
  for (const key in given) {
    if (!known.includes(key as keyof ContextOptions))
      throw new InvalidOptionError(`context.${key}`, `is not an option; known are ${known.join(", ")}`);
  }
  const read = known.map((key) => [key, copyList(given[key])] as const);
  const options: ContextOptions = Object.fromEntries(read.filter(([, value]) => value !== undefined));
  const { extend, factor, schedule, steps, growth, nativeWindow, allowBeyondWindow } = options;
  checkOneOf("extend", extend, extensions);
  checkOneOf("schedule", schedule, schedules);
  checkOneOf("growth", growth, growths);
  checkFactor("context.factor", factor);
  if (steps !== "continuous") checkSteps(steps);
  checkWindow("context.nativeWindow", nativeWindow);
  checkFlag("context.allowBeyondWindow", allowBeyondWindow);
  return options;
}

/** @throws InvalidOptionError unless it is left out, or a factor */
export function checkFactor(option: string, factor: unknown): void {
  const isFactor = typeof factor === "number" && factor >= 1 && factor <= largestFactor;
  checkOption(option, factor, isFactor, `a number from 1 to ${largestFactor}`);
}

/** @throws InvalidOptionError unless it is left out, or a number of tokens */
export function checkWindow(option: string, window: unknown): void {
  checkWhole(option, window, 1, largestWindow);
}

const mostSteps = 64;

function copyList<T>(value: T): T {
  return Array.isArray(value) ? (value.slice(0, mostSteps + 1) as T) : value;
}

function checkSteps(steps: readonly number[] | undefined): void {
  const isList = Array.isArray(steps) && steps.length > 0 && steps.length <= mostSteps;
  checkOption("context.steps", steps, isList, `"continuous" or a list of 1 to ${mostSteps} factors, as [1, 2, 4]`);
  for (const [index, step] of steps?.entries() ?? []) checkFactor(`context.steps[${index}]`, step ?? null);
}

function checkOneOf(option: string, value: unknown, words: readonly unknown[]): void {
  checkOption(`context.${option}`, value, words.includes(value), `one of ${words.join(", ")}`);
}
