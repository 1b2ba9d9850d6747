import { InvalidConfigError, show } from "../errors.ts";
import { isPresent } from "./fields.ts";
import { type RotaryConfig, type RotaryMethod, rotaryMethods } from "./types.ts";

/** The scaling block of a configuration: what it says, and where. */
export interface RotaryBlock {
  /** The field that holds it; undefined for the empty block of a configuration without one. */
  readonly field: "rope_scaling" | "rope_parameters" | undefined;
  readonly values: Readonly<Record<string, unknown>>;
}

/** A block with the method that it declares. */
export interface DeclaredBlock {
  readonly block: RotaryBlock;
  readonly method: RotaryMethod;
  readonly typeKeysDisagree: boolean;
  readonly blocksDisagree: boolean;
}

/** A block that says nothing. */
export const emptyBlock: RotaryBlock = { field: undefined, values: {} };

/**
 * The block that transformers 5 follows: a `rope_scaling` that says anything replaces `rope_parameters` as a whole,
 * `rope_theta` included.
 *
 * @throws InvalidConfigError for a block that is no object, an unknown type, no type beside keys of a scaling, or
 * parameters nested by layer type
 * @see transformers 5, `RotaryEmbeddingConfigMixin.convert_rope_params_to_dict`
 */
export function readDeclaredBlock(config: RotaryConfig): DeclaredBlock {
  const scaling = readBlock(config.rope_scaling, "rope_scaling");
  const parameters = readBlock(config.rope_parameters, "rope_parameters");
  const block = scaling ?? parameters ?? emptyBlock;
  const method = readMethod(block);
  return {
    block,
    method,
    typeKeysDisagree: typeKeysDisagree(block),
    blocksDisagree: scaling !== undefined && parameters !== undefined && disagree(config, method, scaling, parameters),
  };
}

/** The path of one of a block's fields, for messages. A configuration without a block would have it in `rope_scaling`. */
export function fieldOf(block: RotaryBlock, key: string): string {
  return `${block.field ?? "rope_scaling"}.${key}`;
}

/** Names from before the methods had their present ones. */
const legacyNames: ReadonlyMap<string, RotaryMethod> = new Map<string, RotaryMethod>([
  // The first Phi-3 configurations.
  ["su", "longrope"],
  // Qwen2-VL: for text all three of its positions are the same, and its frequencies are the plain ones.
  ["mrope", "default"],
]);

/** Keys that only a scaling has. With one of these and no type, ignoring the block would be a silent mistake. */
const scalingKeys: readonly string[] = [
  "factor",
  "original_max_position_embeddings",
  "attention_factor",
  "beta_fast",
  "beta_slow",
  "mscale",
  "mscale_all_dim",
  "truncate",
  "short_factor",
  "long_factor",
  "low_freq_factor",
  "high_freq_factor",
];

function readBlock(value: unknown, field: "rope_scaling" | "rope_parameters"): RotaryBlock | undefined {
  if (!isPresent(value)) {
    return undefined;
  }
  if (typeof value !== "object" || Array.isArray(value)) {
    throw new InvalidConfigError(field, `must be an object or null, got ${show(value)}`);
  }
  const values = value as Readonly<Record<string, unknown>>;
  return Object.values(values).some(isPresent) ? { field, values } : undefined;
}

function readMethod(block: RotaryBlock): RotaryMethod {
  const { values } = block;
  const key = isPresent(values.rope_type) ? "rope_type" : "type";
  const name = values[key];
  if (isPresent(name)) {
    const method = methodNamed(name);
    if (method === undefined) {
      throw new InvalidConfigError(fieldOf(block, key), `unknown type ${show(name)}; known are ${knownNames()}`);
    }
    return method;
  }
  for (const [layerType, nested] of Object.entries(values)) {
    if (typeof nested === "object" && nested !== null && !Array.isArray(nested)) {
      throw new InvalidConfigError(
        block.field ?? "rope_scaling",
        `a block for each type of layer (here ${show(layerType)}) is not supported; give one for all layers`,
      );
    }
  }
  const scalingKey = scalingKeys.find((candidate) => isPresent(values[candidate]));
  if (scalingKey !== undefined) {
    throw new InvalidConfigError(
      fieldOf(block, "rope_type"),
      `missing, although the block has ${scalingKey}; name one of ${knownNames()}`,
    );
  }
  return "default";
}

function methodNamed(name: unknown): RotaryMethod | undefined {
  return typeof name === "string"
    ? (rotaryMethods.find((known) => known === name) ?? legacyNames.get(name))
    : undefined;
}

function knownNames(): string {
  return [...rotaryMethods, ...legacyNames.keys()].join(", ");
}

function typeKeysDisagree({ values }: RotaryBlock): boolean {
  return (
    isPresent(values.rope_type) && isPresent(values.type) && methodNamed(values.rope_type) !== methodNamed(values.type)
  );
}

function disagree(config: RotaryConfig, method: RotaryMethod, scaling: RotaryBlock, parameters: RotaryBlock): boolean {
  const beside = config as unknown as Readonly<Record<string, unknown>>;
  return Object.entries(parameters.values).some(([key, value]) => {
    if (!isPresent(value)) {
      return false;
    }
    if (key === "rope_type" || key === "type") {
      return methodNamed(value) !== method;
    }
    const followed = isPresent(scaling.values[key]) ? scaling.values[key] : beside[key];
    return !isSame(followed, value);
  });
}

function isSame(a: unknown, b: unknown): boolean {
  return Array.isArray(a) && Array.isArray(b)
    ? a.length === b.length && a.every((element, index) => Object.is(element, b[index]))
    : Object.is(a, b);
}
