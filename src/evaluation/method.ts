import { type ContextOptions, InvalidOptionError } from "../index.ts";

/** Ways to reach past the native window. */
export const methodNames = [
  "none",
  "linear",
  "linear-dynamic",
  "ntk",
  "yarn-static",
  "yarn-dynamic",
  "yarn-continuous",
] as const;
export type MethodName = (typeof methodNames)[number];

/** One way, with its largest factor. */
export interface Method {
  readonly name: MethodName;
  /** 1 for `none`. */
  readonly factor: number;
  /** How a model is loaded to compute this way; `none` may be computed by any. */
  readonly extend: "none" | "linear" | "ntk" | "yarn";
  /** What a sequence is given, of a model that was loaded so. */
  readonly context: ContextOptions;
}

const ways: Record<MethodName, Pick<Method, "extend" | "context">> = {
  none: { extend: "none", context: { extend: "none" } },
  linear: { extend: "linear", context: { schedule: "static" } }, // position interpolation, as it was published
  "linear-dynamic": { extend: "linear", context: { schedule: "dynamic" } },
  ntk: { extend: "ntk", context: { schedule: "dynamic", steps: "continuous" } }, // its base follows the length
  "yarn-static": { extend: "yarn", context: { schedule: "static" } },
  "yarn-dynamic": { extend: "yarn", context: { schedule: "dynamic" } },
  "yarn-continuous": { extend: "yarn", context: { schedule: "dynamic", steps: "continuous" } },
};

/**
 * @param factors - each method but `none` is taken with each of them
 * @throws InvalidOptionError for names that are none, and where nothing is named
 */
export function resolveMethods(names: readonly string[], factors: readonly number[]): readonly Method[] {
  if (names.length === 0) throw new InvalidOptionError("methods", `must name one of ${methodNames.join(", ")}`);
  for (const factor of factors) {
    if (!(factor > 1 && factor <= 1024))
      throw new InvalidOptionError("factors", `must be numbers above 1, to 1024, not ${factor}`);
  }
  const methods = [...new Set(names)].flatMap((name): Method[] => {
    const way = Object.hasOwn(ways, name) ? ways[name as MethodName] : undefined;
    if (!way) throw new InvalidOptionError("methods", `${JSON.stringify(name)} is none of ${methodNames.join(", ")}`);
    if (name === "none") return [{ name, factor: 1, ...way }];
    return [...new Set(factors)].map((factor) => ({
      name: name as MethodName,
      factor,
      extend: way.extend,
      context: { ...way.context, factor },
    }));
  });
  if (methods.length === 0) throw new InvalidOptionError("factors", "must name one at least");
  return methods;
}
