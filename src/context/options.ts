import { InvalidOptionError } from "../errors.ts";

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
export const largestWindow: number = 2 ** 24;
export const largestFactor = 1024;

/** @throws InvalidOptionError naming the first option that cannot be followed */
export function validateContextOptions(options: ContextOptions): void {
  if (typeof options !== "object" || options === null) throw new InvalidOptionError("context", "must be an object");
  const known = ["extend", "factor", "schedule", "steps", "growth", "nativeWindow", "allowBeyondWindow"];
  for (const key of Object.keys(options)) {
    if (!known.includes(key))
      throw new InvalidOptionError(`context.${key}`, `is not an option; known are ${known.join(", ")}`);
  }
  checkOneOf("extend", options.extend, extensions);
  checkOneOf("schedule", options.schedule, schedules);
  checkOneOf("growth", options.growth, growths);
  if (options.factor !== undefined) checkFactor("context.factor", options.factor);
  if (options.steps !== undefined && options.steps !== "continuous") checkSteps(options.steps);
  const { nativeWindow, allowBeyondWindow } = options;
  if (
    nativeWindow !== undefined &&
    !(Number.isInteger(nativeWindow) && nativeWindow >= 1 && nativeWindow <= largestWindow)
  ) {
    throw new InvalidOptionError(
      "context.nativeWindow",
      `must be an integer from 1 to ${largestWindow}, not ${nativeWindow}`,
    );
  }
  if (allowBeyondWindow !== undefined && typeof allowBeyondWindow !== "boolean") {
    throw new InvalidOptionError("context.allowBeyondWindow", "must be true or false");
  }
}

function checkSteps(steps: readonly number[]): void {
  if (!Array.isArray(steps) || steps.length === 0 || steps.length > 64) {
    throw new InvalidOptionError("context.steps", 'must be "continuous" or a list of 1 to 64 factors, as [1, 2, 4]');
  }
  for (const [index, step] of steps.entries()) checkFactor(`context.steps[${index}]`, step);
}

function checkFactor(option: string, factor: unknown): void {
  if (typeof factor !== "number" || !(factor >= 1 && factor <= largestFactor)) {
    throw new InvalidOptionError(option, `must be a number from 1 to ${largestFactor}, not ${String(factor)}`);
  }
}

function checkOneOf(option: string, value: unknown, known: readonly string[]): void {
  if (value !== undefined && !(typeof value === "string" && known.includes(value))) {
    throw new InvalidOptionError(
      `context.${option}`,
      `must be one of ${known.join(", ")}, not ${JSON.stringify(value)}`,
    );
  }
}
