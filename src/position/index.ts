/**
 * Rotary position encodings, resolved from Hugging Face configurations as transformers does it. Usable on its own, as
 * `skein/position`.
 */
export { InvalidConfigError } from "../errors.ts";
export type { DefaultParameters } from "./default.ts";
export type { DynamicParameters } from "./dynamic.ts";
export type { LinearParameters } from "./linear.ts";
export type { Llama3Parameters } from "./llama3.ts";
export type { LongropeParameters } from "./longrope.ts";
export { type YarnPairs, yarnPairs } from "./pairs.ts";
export { type RotaryParameters, readRotaryParameters } from "./parameters.ts";
export { resolveRotaryEncoding } from "./resolve.ts";
export { applyRotary, type RotaryRows, rotaryAngles, rotaryRows } from "./rows.ts";
export {
  type CommonParameters,
  type RotaryConfig,
  type RotaryEncoding,
  type RotaryMethod,
  type RotaryOptions,
  rotaryMethods,
} from "./types.ts";
export type { CorrectionRange, YarnParameters } from "./yarn.ts";
