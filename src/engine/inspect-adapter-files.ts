import { openSource } from "#platform";
import type { CheckpointFiles } from "../checkpoint/files.ts";
import { inFile, namingFile } from "../checkpoint/in-file.ts";
import type { TensorIndex } from "../checkpoint/tensors.ts";
import { resolveContext } from "../context/settings.ts";
import { UnsupportedError } from "../errors.ts";
import { type AdapterConfig, readRules } from "../model/adapter/config.ts";
import { findUnsupported } from "../model/adapter/features.ts";
import { openMatrices, readAdapterJson, readTuning, weightsFile } from "../model/adapter/open-adapter.ts";
import type { ModelConfig } from "../model/config.ts";
import { type ConfigFields, fieldOf, readFields } from "../model/config-fields.ts";
import { groupModules, modulesOf } from "./adapted-modules.ts";
import type {
  AdapterInspection,
  AdapterPlan,
  AdapterRule,
  AdapterWarning,
  AdapterWeights,
} from "./adapter-inspection.ts";
import { checkOptions } from "./check-options.ts";
import { diagnoseError, diagnoseField, diagnoseMatrices, diagnoseTuning } from "./diagnose-adapter.ts";
import { closingAfter, findPlace } from "./inspect-place.ts";
import { inspectWeights } from "./inspect-weights.ts";
import type { YarnInspection } from "./inspection.ts";
import type { AdapterOptions } from "./options.ts";
import { orAborted } from "./or-aborted.ts";
import { prepareAdapter } from "./runtime/adapters.ts";
import type { ModelSource } from "./source.ts";

/** What `inspectAdapter` does. */
export async function inspectAdapterAlone(
  source: ModelSource,
  options: { readonly signal?: AbortSignal | undefined },
): Promise<AdapterInspection> {
  checkOptions(options);
  const { signal } = options;
  signal?.throwIfAborted();
  return await orAborted(
    withFiles(source, signal, (files) => inspectFiles(files, { source })),
    signal,
  );
}

/** The model that an adapter is to stand beside. */
export interface PlanBase {
  readonly config: ModelConfig;
  /** Tokens, in place of what the configuration says. */
  readonly nativeWindow: number | undefined;
  readonly yarn: YarnInspection | null;
}

/**
 * An adapter beside a model, as the loader takes it.
 *
 * @throws as `inspectAdapter`; InvalidOptionError
 */
export async function planAdapter(
  name: string,
  options: AdapterOptions,
  base: PlanBase,
  signal: AbortSignal | undefined,
): Promise<AdapterPlan> {
  return await withFiles(options.source, signal, async (files) => {
    const inspection = await inspectFiles(files, options, `adapters.${name}.adapter_config.`);
    if (inspection.warnings.length > 0) return refuse(name, inspection);
    try {
      return await planOn(files, name, inspection, base);
    } catch (error) {
      const warnings = [diagnoseError(error, "adapter_does_not_fit_base")];
      return refuse(name, { ...inspection, warnings });
    }
  });
}

async function planOn(
  files: CheckpointFiles,
  name: string,
  inspection: AdapterInspection,
  { config, nativeWindow, yarn }: PlanBase,
): Promise<AdapterPlan> {
  const { tuning } = inspection;
  const call = { name, window: tuning.window ?? undefined, factor: tuning.factor ?? undefined };
  const settings = resolveContext(config, { nativeWindow });
  const base = { options: { nativeWindow }, settings };
  const { context, warnings } = await prepareAdapter(files, call, config, base);
  return {
    name,
    ...inspection,
    fits: true,
    context: context.settings,
    contextWithYarn:
      yarn === null || yarn.declared ? null : resolveContext(config, yarn.option, { ...call, adapter: name }),
    warnings: warnings.map((warning) => diagnoseTuning(warning, tuning, settings, name)),
  };
}

function refuse(name: string, inspection: AdapterInspection): AdapterPlan {
  return { name, ...inspection, fits: false, context: null, contextWithYarn: null };
}

async function withFiles<Result>(
  source: ModelSource,
  signal: AbortSignal | undefined,
  read: (files: CheckpointFiles) => Promise<Result>,
): Promise<Result> {
  const { place } = await findPlace(source, { signal });
  const files = "read" in place ? place : await openSource(place, "adapter");
  return await closingAfter(files, signal, () => read(files));
}

/** @param options - of these, window and factor win over what the folder says */
async function inspectFiles(
  files: CheckpointFiles,
  { source, window, factor }: AdapterOptions,
  prefix = "adapter_config.",
): Promise<AdapterInspection> {
  const json = await readAdapterJson(files);
  const { fields, rules, warnings } = inFile(`adapter_config.json in ${files.label}`, () => readConfig(json, prefix));
  const tensors = rules && (await matricesOf(files, rules, warnings));
  const own = await readTuning(files).catch((error: unknown) => {
    throw namingFile(error, `skein.json in ${files.label}`);
  });
  const baseModel = fieldOf(fields, "base_model_name_or_path");
  return {
    source: typeof source === "string" ? source : source instanceof URL ? source.href : files.label,
    baseModel: typeof baseModel === "string" && baseModel !== "" ? baseModel : null,
    type: String(fieldOf(fields, "peft_type")),
    rule: rules ? describeRule(rules, fields) : null,
    modules: tensors ? groupModules(modulesOf(tensors), rules) : [],
    weights: tensors ? countWeights(tensors) : null,
    tuning: { window: window ?? own.window ?? null, factor: factor ?? own.factor ?? null },
    warnings,
  };
}

/** What a configuration says, and what in it is refused. */
interface ReadConfig {
  readonly fields: ConfigFields;
  /** Undefined where they cannot be followed, for what is refused. */
  readonly rules: AdapterConfig | undefined;
  readonly warnings: AdapterWarning[];
}

function readConfig(json: unknown, prefix: string): ReadConfig {
  const fields = readFields(json, `${prefix}json`, prefix);
  const warnings = [...findUnsupported(fields)].map((found) => diagnoseField(found, fields));
  if (fieldOf(fields, "peft_type") !== "LORA") return { fields, rules: undefined, warnings };
  try {
    return { fields, rules: readRules(fields), warnings };
  } catch (error) {
    const refused = error instanceof UnsupportedError ? [diagnoseError(error, "adapter_pattern_not_supported")] : [];
    // What else is refused may be why the rules are not as they are elsewhere.
    if (refused.length + warnings.length === 0) throw error;
    return { fields, rules: undefined, warnings: [...warnings, ...refused] };
  }
}

/** The matrices, where there are any that can be read. */
async function matricesOf(
  files: CheckpointFiles,
  rules: AdapterConfig,
  warnings: AdapterWarning[],
): Promise<TensorIndex | undefined> {
  const isKnown = warnings.length > 0;
  try {
    const tensors = await openMatrices(files, rules.ruleFor);
    const misfit = diagnoseMatrices(files, tensors, modulesOf(tensors), rules);
    // Tensors of a feature that is refused are not expected either.
    if (misfit && !isKnown) warnings.push(misfit);
    return tensors;
  } catch (error) {
    // Pickles are not supported either, but it is not what the adapter is that is wrong with them.
    const isOther = error instanceof UnsupportedError && (await files.size(weightsFile)) !== undefined;
    const warning = diagnoseError(error, isOther ? "adapter_not_supported" : "adapter_weights_are_not_read");
    if (!isKnown) warnings.push(warning);
    return undefined;
  }
}

function describeRule({ rank, alpha, isRankStabilised }: AdapterConfig, fields: ConfigFields): AdapterRule {
  const scale = alpha / (isRankStabilised ? Math.sqrt(rank) : rank);
  // The rules could be read, so that it is one of the two.
  const targets = fieldOf(fields, "target_modules") as AdapterRule["targets"];
  return { rank, alpha, isRankStabilised, scale, targets };
}

function countWeights(tensors: TensorIndex): AdapterWeights {
  const { parameters, bytes, types } = inspectWeights(tensors);
  return { parameters, bytes, types };
}
