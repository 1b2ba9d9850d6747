import { InvalidConfigError, show } from "../errors.ts";
import { type DeclaredBlock, emptyBlock, fieldOf, type RotaryBlock, readDeclaredBlock } from "./block.ts";
import { type DefaultParameters, readDefault } from "./default.ts";
import { type DynamicParameters, readDynamic } from "./dynamic.ts";
import { factorRange, isPresent, lengthRange, readInteger, readNumber, thetaRange } from "./fields.ts";
import { type LinearParameters, readLinear } from "./linear.ts";
import { type Llama3Parameters, readLlama3 } from "./llama3.ts";
import { type LongropeParameters, readLongrope } from "./longrope.ts";
import type { MethodSource } from "./source.ts";
import {
  type CommonParameters,
  type RotaryConfig,
  type RotaryMethod,
  type RotaryOptions,
  rotaryMethods,
} from "./types.ts";
import { readYarn, type YarnParameters } from "./yarn.ts";

/** The validated and completed parameters of a rotary encoding; `method` tells which. */
export type RotaryParameters =
  | DefaultParameters
  | LinearParameters
  | DynamicParameters
  | YarnParameters
  | LongropeParameters
  | Llama3Parameters;

/**
 * What a configuration declares about its position encoding, checked and under its full names. Where transformers 4.57
 * and 5 differ, this follows 5, save that a scaling without a type and llama3 without its original window are refused,
 * as 4.57 does, and not guessed.
 *
 * @throws InvalidConfigError naming the field that cannot be followed
 * @example
 * readRotaryParameters({ head_dim: 128, rope_theta: 1e6, max_position_embeddings: 32768 }).pairs; // 64
 */
export function readRotaryParameters(config: RotaryConfig): RotaryParameters {
  return readParameters(config, {});
}

/**
 * The same, with options in place of what the configuration declares.
 *
 * @throws InvalidConfigError naming the field or the option that cannot be followed
 */
export function readParameters(config: RotaryConfig, options: RotaryOptions): RotaryParameters {
  const source = readSource(config, options);
  switch (source.method) {
    case "default":
      return readDefault(source);
    case "linear":
      return readLinear(source);
    case "dynamic":
      return readDynamic(source);
    case "yarn":
      return readYarn(source);
    case "longrope":
      return readLongrope(source);
    case "llama3":
      return readLlama3(source);
  }
}

/**
 * The method that a configuration and options come to, and what its own parameters are read from.
 *
 * @throws InvalidConfigError naming the field or the option that cannot be followed
 */
export function readSource(config: RotaryConfig, options: RotaryOptions): MethodSource & { method: RotaryMethod } {
  if (typeof config !== "object" || config === null || Array.isArray(config)) {
    throw new InvalidConfigError("config", `must be an object, got ${show(config)}`);
  }
  checkOptions(options);
  const declared = readDeclaredBlock(config);
  const method = options.method ?? declared.method;
  const block = method === declared.method ? declared.block : emptyBlock;
  return { method, common: readCommon(config, declared, block, options), block, options };
}

/** Heads are 64 to 256 wide; this is far above, and far below what would exhaust memory. */
const widthRange = { atLeast: 1, atMost: 65_536 };
const countRange = { atLeast: 1, atMost: 2 ** 31 - 1 };
const defaultTheta = 10_000;

function readCommon(
  config: RotaryConfig,
  declared: DeclaredBlock,
  block: RotaryBlock,
  options: RotaryOptions,
): CommonParameters {
  const headDim = readHeadDim(config);
  const partialRotaryFactor = readPartialRotaryFactor(config, declared.block);
  const dimensions = Math.trunc(headDim * partialRotaryFactor);
  if (dimensions < 2 || dimensions % 2 !== 0) {
    throw new InvalidConfigError(
      partialRotaryFactor === 1 ? "head_dim" : "partial_rotary_factor",
      `the rotated part of a head must be an even number of dimensions, got ${dimensions} of ${headDim}`,
    );
  }
  const windows = readOriginalWindows(config, block);
  return {
    theta: readTheta(config, declared.block),
    headDim,
    partialRotaryFactor,
    dimensions,
    pairs: dimensions / 2,
    maxPositionEmbeddings: readInteger(config.max_position_embeddings, "max_position_embeddings", lengthRange),
    // The configuration's comes before the block's in transformers 5 (4.57 reads it for longrope only).
    originalWindow: options.originalWindow ?? windows.ofConfig ?? windows.ofBlock,
    factor: undefined,
    attentionFactor: undefined,
    declared: declared.method !== "default",
    blockField: declared.block.field,
    hasAttnFactor: isPresent(declared.block.values.attn_factor),
    typeKeysDisagree: declared.typeKeysDisagree,
    blocksDisagree: declared.blocksDisagree,
    originalWindowsDisagree:
      windows.ofConfig !== undefined && windows.ofBlock !== undefined && windows.ofConfig !== windows.ofBlock,
  };
}

function readHeadDim(config: RotaryConfig): number {
  if (isPresent(config.head_dim)) {
    return readInteger(config.head_dim, "head_dim", widthRange);
  }
  if (!isPresent(config.hidden_size) && !isPresent(config.num_attention_heads)) {
    throw new InvalidConfigError("head_dim", "missing; give it, or hidden_size and num_attention_heads");
  }
  const hiddenSize = readInteger(config.hidden_size, "hidden_size", countRange);
  const heads = readInteger(config.num_attention_heads, "num_attention_heads", countRange);
  if (hiddenSize % heads !== 0) {
    throw new InvalidConfigError("hidden_size", `${hiddenSize} cannot be divided among ${heads} heads; give head_dim`);
  }
  return readInteger(hiddenSize / heads, "hidden_size / num_attention_heads", widthRange);
}

function readTheta(config: RotaryConfig, block: RotaryBlock): number {
  if (isPresent(block.values.rope_theta)) {
    return readNumber(block.values.rope_theta, fieldOf(block, "rope_theta"), thetaRange);
  }
  return isPresent(config.rope_theta) ? readNumber(config.rope_theta, "rope_theta", thetaRange) : defaultTheta;
}

function readPartialRotaryFactor(config: RotaryConfig, block: RotaryBlock): number {
  const range = { atLeast: 0, atMost: 1, exclusive: true };
  if (isPresent(block.values.partial_rotary_factor)) {
    return readNumber(block.values.partial_rotary_factor, fieldOf(block, "partial_rotary_factor"), range);
  }
  return isPresent(config.partial_rotary_factor)
    ? readNumber(config.partial_rotary_factor, "partial_rotary_factor", range)
    : 1;
}

function readOriginalWindows(
  config: RotaryConfig,
  block: RotaryBlock,
): { ofConfig: number | undefined; ofBlock: number | undefined } {
  const key = "original_max_position_embeddings";
  return {
    ofConfig: isPresent(config[key]) ? readInteger(config[key], key, lengthRange) : undefined,
    ofBlock: isPresent(block.values[key])
      ? readInteger(block.values[key], fieldOf(block, key), lengthRange)
      : undefined,
  };
}

/** The options stand for fields of the configuration, and are refused like them. */
function checkOptions(options: RotaryOptions): void {
  if (typeof options !== "object" || options === null) {
    throw new InvalidConfigError("options", `must be an object, got ${show(options)}`);
  }
  const { method, factor, originalWindow, sequenceLength } = options;
  if (method !== undefined && !rotaryMethods.includes(method)) {
    throw new InvalidConfigError("method", `unknown method ${show(method)}; known are ${rotaryMethods.join(", ")}`);
  }
  if (factor !== undefined) {
    readNumber(factor, "factor", factorRange);
  }
  if (originalWindow !== undefined) {
    readInteger(originalWindow, "originalWindow", lengthRange);
  }
  if (sequenceLength !== undefined) {
    readInteger(sequenceLength, "sequenceLength", { ...lengthRange, atLeast: 0 });
  }
}
