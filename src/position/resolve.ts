import { InvalidConfigError } from "../errors.ts";
import { defaultEncoding } from "./default.ts";
import { dynamicEncoding } from "./dynamic.ts";
import { linearEncoding } from "./linear.ts";
import { llama3Encoding } from "./llama3.ts";
import { longropeEncoding } from "./longrope.ts";
import { readParameters } from "./parameters.ts";
import type { RotaryConfig, RotaryEncoding, RotaryOptions } from "./types.ts";
import { yarnEncoding } from "./yarn.ts";

/**
 * The rotary encoding of a configuration: what it declares, or what the options ask for in its place.
 *
 * - No options: the declared method with its declared parameters.
 * - `method` that is not the declared one: that method with its defaults; `factor` must be given where it has one.
 * - `factor`, `originalWindow`: in place of the declared ones.
 * - `sequenceLength`: for `dynamic` and `longrope`, whose frequencies depend on it.
 *
 * @throws InvalidConfigError naming the field or the option that cannot be followed
 * @example
 * const config = { head_dim: 128, rope_theta: 1e6, max_position_embeddings: 32768 }; // Qwen2-7B-Instruct
 * const plain = resolveRotaryEncoding(config);
 * const stretched = resolveRotaryEncoding(config, { method: "yarn", factor: 4 });
 * stretched.attentionScaling; // 1.1386…, that is 0.1 · ln 4 + 1
 */
export function resolveRotaryEncoding(config: RotaryConfig, options: RotaryOptions = {}): RotaryEncoding {
  const parameters = readParameters(config, options);
  switch (parameters.method) {
    case "default":
      refuseUnusedFactor(options);
      return defaultEncoding(parameters);
    case "linear":
      return linearEncoding(parameters);
    case "dynamic":
      return dynamicEncoding(parameters, options.sequenceLength);
    case "yarn":
      return yarnEncoding(parameters);
    case "longrope":
      return longropeEncoding(parameters, options.sequenceLength);
    case "llama3":
      return llama3Encoding(parameters);
  }
}

/** A factor without any method would be ignored, and the caller would believe in a window that is not there. */
function refuseUnusedFactor({ method, factor = 1 }: RotaryOptions): void {
  if (method === undefined && factor !== 1) {
    throw new InvalidConfigError("factor", `${factor} has no method to follow it; name one, such as "yarn"`);
  }
}
