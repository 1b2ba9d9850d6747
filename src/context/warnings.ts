import { type ContextDiagnosisCode, diagnoseContext } from "./diagnose.ts";
import type { ContextOptions } from "./options.ts";
import type { ContextConfig } from "./settings.ts";

/** A mistake that people make in a configuration: followed to the letter, and said when the model is loaded. */
export interface ContextWarning {
  readonly code: ContextDiagnosisCode;
  /** What is odd, and what mends it. */
  readonly message: string;
}

/**
 * What is odd about the scaling that a configuration declares, in one text each.
 *
 * @throws InvalidConfigError for a block that cannot be followed at all
 * @see {@link diagnoseContext}, which keeps the fix apart
 */
export function contextWarnings(config: ContextConfig, options: ContextOptions = {}): ContextWarning[] {
  return diagnoseContext(config, options).map(({ code, message, fix }) => ({
    code,
    message: `${message}. To mend it: ${fix}`,
  }));
}
