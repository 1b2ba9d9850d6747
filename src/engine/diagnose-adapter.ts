import type { CheckpointFiles } from "../checkpoint/files.ts";
import { checkTensors, type TensorIndex } from "../checkpoint/tensors.ts";
import type { ContextSettings } from "../context/settings.ts";
import type { TuningWarning } from "../context/tuning.ts";
import { InvalidOptionError, SkeinError } from "../errors.ts";
import type { AdapterConfig } from "../model/adapter/config.ts";
import type { UnsupportedField } from "../model/adapter/features.ts";
import { matrixNames, weightsFile } from "../model/adapter/open-adapter.ts";
import { type ConfigFields, fieldOf, formatValue } from "../model/config-fields.ts";
import type { AdapterTuningInspection, AdapterWarning } from "./adapter-inspection.ts";

/** A field of the configuration that the loader refuses. */
export function diagnoseField({ field, message }: UnsupportedField, fields: ConfigFields): AdapterWarning {
  const value = fieldOf(fields, field);
  const values = {
    field,
    value: Array.isArray(value) ? value.slice(0, 5).map(formatValue).join(", ") : formatValue(value),
  };
  return { ...refusal("adapter_not_supported", message), values };
}

/** Codes of errors about what an adapter is; others are about reading it. */
const ofAdapters: readonly string[] = [
  "unsupported",
  "invalid_config",
  "invalid_checkpoint",
  "not_found",
  "invalid_option",
];

/** What the loader throws when it opens the adapter. @throws the error again, unless it is about what the adapter is */
export function diagnoseError(error: unknown, code: RefusalCode): AdapterWarning {
  if (!(error instanceof SkeinError && ofAdapters.includes(error.code))) throw error;
  return refusal(error instanceof InvalidOptionError ? "adapter_factor_not_possible" : code, error.message);
}

/**
 * Whether the matrices are those that the configuration wants, as far as that can be told without the base: both of every module, of its rank, and no others.
 *
 * @returns undefined when they are
 */
export function diagnoseMatrices(
  files: CheckpointFiles,
  tensors: TensorIndex,
  modules: readonly string[],
  { ruleFor }: AdapterConfig,
): AdapterWarning | undefined {
  const expected = new Map<string, readonly number[]>();
  for (const module of modules) {
    const rule = ruleFor(module);
    if (!rule) continue;
    const { down, up } = matrixNames(module);
    const [inputs, outputs] = [tensors.entry(down)?.shape.at(-1), tensors.entry(up)?.shape[0]];
    expected.set(down, [rule.rank, inputs ?? 0]).set(up, [outputs ?? 0, rule.rank]);
  }
  try {
    checkTensors(tensors, expected, {
      problem: `${weightsFile} in ${files.label} does not fit its adapter_config.json`,
      question: "Were the two saved together?",
    });
    return undefined;
  } catch (error) {
    return diagnoseError(error, "adapter_weights_do_not_fit");
  }
}

/** What the loader warns of, with what mends it. */
export function diagnoseTuning(
  { code, message }: TuningWarning,
  { window, factor }: AdapterTuningInspection,
  { originalWindow, nativeWindow }: ContextSettings,
  name: string,
): AdapterWarning {
  const needed = Number(((window ?? 0) / originalWindow).toFixed(3));
  const fix = {
    adapter_window_beyond_factor: `correct one of them, in the adapter's skein.json or as an option: factor: ${needed} reaches ${window}`,
    adapter_window_without_factor: `if it was tuned with YaRN, write "factor": ${needed} into the adapter's skein.json, or give the option factor: ${needed}; else leave it`,
    adapter_window_shorter: `leave it, or remove the window from the adapter's skein.json or the options, so that its sequences have the base's ${nativeWindow} tokens`,
  }[code];
  const values = { adapter: name, window: window ?? 0, factor: factor ?? 1, originalWindow, nativeWindow, needed };
  return { code, level: "warning", message, fix, values };
}

const fixes = {
  adapter_not_supported:
    "train it without that, or merge it into its base with PEFT (merge_and_unload) and give the merged model",
  adapter_pattern_not_supported: "write it without that, or as a list of the modules' names",
  adapter_weights_are_not_read: "save the adapter again, with PEFT's save_pretrained",
  adapter_weights_do_not_fit: "use the adapter_config.json that was saved with these matrices",
  adapter_does_not_fit_base: "give the model that it was tuned on",
  adapter_factor_not_possible:
    "give the base as it was when the adapter was tuned, or remove the factor if it is wrong",
} as const;

type RefusalCode = keyof typeof fixes;

/** A reason for which the adapter is not loaded. */
function refusal(code: RefusalCode, message: string): AdapterWarning {
  return { code, level: "warning", message, fix: fixes[code], values: {} };
}
