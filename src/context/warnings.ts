import { readRotaryParameters } from "../position/index.ts";
import type { ContextOptions } from "./options.ts";
import { type ContextConfig, isTrained } from "./settings.ts";

/** A mistake that people make in a configuration: followed to the letter, and said. */
export interface ContextWarning {
  readonly code: string;
  readonly message: string;
}

/**
 * What is odd about the scaling that a configuration declares.
 *
 * @throws InvalidConfigError for a block that cannot be followed at all
 */
export function contextWarnings(config: ContextConfig, options: ContextOptions = {}): ContextWarning[] {
  const parameters = readRotaryParameters(config);
  const { method, maxPositionEmbeddings: window, factor = 1, originalWindow } = parameters;
  const warnings: ContextWarning[] = [];
  if (method === "yarn" && originalWindow === undefined && options.nativeWindow === undefined) {
    const multiplied = Math.round(window / factor);
    warnings.push({
      code: "yarn_without_original_window",
      message:
        `the yarn block has no original_max_position_embeddings, so max_position_embeddings (${window}) is taken as the native window ` +
        `and ${Math.floor(window * factor)} as the extended one. If ${window} was multiplied by the factor already, set nativeWindow: ${multiplied}`,
    });
  }
  if (method === "yarn" && originalWindow !== undefined && !fits(window, originalWindow, factor)) {
    warnings.push({
      code: "yarn_factor_does_not_fit",
      message:
        `the yarn factor ${factor} stretches original_max_position_embeddings (${originalWindow}) to ${Math.floor(originalWindow * factor)}, ` +
        `but max_position_embeddings is ${window}; the factor is followed`,
    });
  }
  if (method === "yarn" && parameters.hasAttnFactor) {
    warnings.push({
      code: "attn_factor_is_not_read",
      message: "attn_factor is not read, as in the reference; the key is attention_factor. The block is followed statically, as declared",
    });
  }
  if (parameters.typeKeysDisagree) {
    warnings.push({ code: "type_and_rope_type_disagree", message: "type and rope_type name different methods; rope_type is followed" });
  }
  if (isTrained(config, parameters) && options.extend === "none" && method !== "dynamic") {
    warnings.push({
      code: "trained_scaling_stays",
      message: `${method} scaling is part of how this model was trained: extend: "none" limits the window to the native one and leaves it on`,
    });
  }
  return warnings;
}

/** Qwen's own instructions leave max_position_embeddings at the original window, or set it to the extended one; 40960 is Qwen3's. */
function fits(window: number, originalWindow: number, factor: number): boolean {
  return window === originalWindow || Math.abs(window - originalWindow * factor) < 1 || window === 40960;
}
