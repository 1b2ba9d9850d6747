import { type RotaryParameters, readRotaryParameters } from "../position/index.ts";
import { diagnoseUnmeantYarn } from "./diagnose-unmeant.ts";
import type { Diagnosis } from "./diagnosis.ts";
import type { ContextOptions } from "./options.ts";
import { type ContextConfig, isTrained } from "./settings.ts";

/** Names of the mistakes in a scaling block; stable across versions. */
export type ContextDiagnosisCode =
  | "yarn_without_original_window"
  | "yarn_factor_does_not_fit"
  | "yarn_was_not_meant"
  | "attn_factor_is_not_read"
  | "type_and_rope_type_disagree"
  | "rope_blocks_disagree"
  | "original_windows_disagree"
  | "trained_scaling_stays";

/**
 * What is odd about the scaling that a configuration declares.
 *
 * @param options - those that the model is loaded with: some of them mend a mistake, one contradicts a trained scaling
 * @throws InvalidConfigError for a block that cannot be followed at all
 *
 * @example
 * diagnoseContext({ ...qwen2, max_position_embeddings: 131072, rope_scaling: { type: "yarn", factor: 4 } })[0].fix
 * // 'if it was, set the option nativeWindow: 32768, or add "original_max_position_embeddings": 32768 to rope_scaling; ...'
 */
export function diagnoseContext(
  config: ContextConfig,
  options: ContextOptions = {},
): readonly Diagnosis<ContextDiagnosisCode>[] {
  const parameters = readRotaryParameters(config);
  const unmeant = diagnoseUnmeantYarn(config, parameters);
  return [
    // A block that has to go needs no advice on its numbers.
    ...(unmeant ? [unmeant] : [diagnoseOriginalWindow(parameters, options), diagnoseFactor(parameters)]),
    diagnoseAttentionFactor(parameters),
    diagnoseTypes(parameters),
    diagnoseBlocks(parameters),
    diagnoseTwoOriginalWindows(parameters),
    diagnoseTrained(config, parameters, options),
  ].filter((diagnosis) => diagnosis !== undefined);
}

type Found = Diagnosis<ContextDiagnosisCode> | undefined;

/** The windows that Qwen publishes as native: where one stands in the file, nobody multiplied it. */
const publishedWindows: readonly number[] = [32768, 40960];

function diagnoseOriginalWindow(parameters: RotaryParameters, options: ContextOptions): Found {
  const { method, maxPositionEmbeddings: window, factor = 1, originalWindow } = parameters;
  if (method !== "yarn" || originalWindow !== undefined || options.nativeWindow !== undefined) return undefined;
  const block = blockName(parameters);
  const extended = Math.floor(window * factor);
  const divided = Math.max(1, Math.round(window / factor));
  const isPlausible = publishedWindows.includes(window) || divided === window;
  const values = { block, window, factor, extended, divided, plausible: isPlausible };
  const code = "yarn_without_original_window";
  const taken =
    `the yarn block has no original_max_position_embeddings, so max_position_embeddings (${window}) is taken as the native window ` +
    `and ${extended} as the extended one`;
  if (isPlausible) {
    const fix = `add "original_max_position_embeddings": ${window} to ${block}, because other engines refuse or ignore a block without it`;
    return { code, level: "note", message: taken, fix, values };
  }
  const fix =
    `if it was, set the option nativeWindow: ${divided}, or add "original_max_position_embeddings": ${divided} to ${block}; ` +
    `if it was not, add "original_max_position_embeddings": ${window}`;
  return {
    code,
    level: "warning",
    message: `${taken}. Probably ${window} was multiplied by the factor ${factor} already`,
    fix,
    values,
  };
}

function diagnoseFactor(parameters: RotaryParameters): Found {
  const { method, maxPositionEmbeddings: window, factor = 1, originalWindow } = parameters;
  if (method !== "yarn" || originalWindow === undefined || fits(window, originalWindow, factor)) return undefined;
  const block = blockName(parameters);
  const product = Math.floor(originalWindow * factor);
  const ratio = Number((window / originalWindow).toFixed(4));
  const fixedWindow = `set "max_position_embeddings": ${product} if the factor is right`;
  return {
    code: "yarn_factor_does_not_fit",
    level: "warning",
    message:
      `the yarn factor ${factor} stretches original_max_position_embeddings (${originalWindow}) to ${product}, ` +
      `but max_position_embeddings is ${window}; the factor is followed`,
    fix: ratio > 1 ? `set "factor": ${ratio} in ${block} if ${window} is right, or ${fixedWindow}` : fixedWindow,
    values: { block, window, factor, originalWindow, product, ratio },
  };
}

function diagnoseAttentionFactor(parameters: RotaryParameters): Found {
  if (parameters.method !== "yarn" || !parameters.hasAttnFactor) return undefined;
  const block = blockName(parameters);
  return {
    code: "attn_factor_is_not_read",
    level: "warning",
    message:
      "attn_factor is not read, as in the reference; the key is attention_factor. The block is followed statically, as declared",
    fix: `name it attention_factor in ${block} if the model was trained with it, else remove it`,
    values: { block },
  };
}

function diagnoseTypes(parameters: RotaryParameters): Found {
  if (!parameters.typeKeysDisagree) return undefined;
  const { method } = parameters;
  const block = blockName(parameters);
  return {
    code: "type_and_rope_type_disagree",
    level: "warning",
    message: `type and rope_type in ${block} name different methods; rope_type (${method}) is followed`,
    fix: `remove type from ${block} if ${method} is right, else correct rope_type`,
    values: { block, method },
  };
}

function diagnoseBlocks(parameters: RotaryParameters): Found {
  if (!parameters.blocksDisagree) return undefined;
  const { method } = parameters;
  return {
    code: "rope_blocks_disagree",
    level: "warning",
    message: `rope_scaling and rope_parameters say different things; rope_scaling (${method}) is followed, as in the reference`,
    fix: "remove the one of the two that is wrong; transformers 5 writes rope_parameters, earlier versions rope_scaling",
    values: { method },
  };
}

function diagnoseTwoOriginalWindows(parameters: RotaryParameters): Found {
  const { originalWindow, originalWindowsDisagree } = parameters;
  if (!originalWindowsDisagree || originalWindow === undefined) return undefined;
  const block = blockName(parameters);
  return {
    code: "original_windows_disagree",
    level: "warning",
    message: `original_max_position_embeddings stands beside ${block} and inside it with different values; the one beside it (${originalWindow}) is followed`,
    fix: `remove original_max_position_embeddings from config.json or from ${block}, whichever is wrong`,
    values: { block, originalWindow },
  };
}

function diagnoseTrained(config: ContextConfig, parameters: RotaryParameters, options: ContextOptions): Found {
  const { method } = parameters;
  if (!isTrained(config, parameters) || options.extend !== "none" || method === "dynamic") return undefined;
  return {
    code: "trained_scaling_stays",
    level: "warning",
    message: `${method} scaling is part of how this model was trained: extend: "none" limits the window to the native one and leaves it on`,
    fix: "leave extend out",
    values: { method },
  };
}

/** Qwen's own instructions leave max_position_embeddings at the original window, or set it to the extended one; 40960 is Qwen3's. */
function fits(window: number, originalWindow: number, factor: number): boolean {
  return window === originalWindow || Math.abs(window - originalWindow * factor) < 1 || window === 40960;
}

function blockName({ blockField }: RotaryParameters): string {
  return blockField ?? "rope_scaling";
}
