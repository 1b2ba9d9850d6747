import type { Backend, CacheLayout, WeightSpec } from "../../backend/backend.ts";
import { BlockPool } from "../../cache/block-pool.ts";
import type { CheckpointFiles } from "../../checkpoint/files.ts";
import { inFile } from "../../checkpoint/in-file.ts";
import { checkTensors, openTensors, type TensorIndex } from "../../checkpoint/tensors.ts";
import { chooseEncoding, resolveEncoding } from "../../context/encoding.ts";
import type { Context } from "../../context/narrow.ts";
import { resolveContext } from "../../context/settings.ts";
import { contextWarnings } from "../../context/warnings.ts";
import { SkeinError } from "../../errors.ts";
import { expectedTensors, type ModelConfig, optionalTensors } from "../../model/config.ts";
import { createDecoder } from "../../model/family.ts";
import type { GenerationDefaults } from "../../model/generation-config.ts";
import { rotaryRows } from "../../position/index.ts";
import type { TokenTable } from "../../text/token-table.ts";
import type { LoadCall } from "../methods.ts";
import type { Progress, Warning } from "../options.ts";
import { outputNotUsed } from "../output-not-used.ts";
import { readConfiguration } from "../read-configuration.ts";
import { Adapters, adapterSpecs, loadAdapter, type PreparedAdapter, prepareAdapter } from "./adapters.ts";
import { checkBackendOptions, chooseBackend } from "./choose-backend.ts";
import { loadWeights, weightSpecs } from "./load-weights.ts";
import { Scheduler } from "./scheduler.ts";

/** A model in the engine worker: all that sequences share. */
export interface LoadedModel {
  readonly config: ModelConfig;
  readonly context: Context;
  readonly defaults: GenerationDefaults;
  readonly warnings: readonly Warning[];
  readonly pool: BlockPool;
  readonly scheduler: Scheduler;
  readonly backend: Backend;
  /** How many tokens of one sequence its memory was set up for; undefined where no other would hold more. */
  readonly mostTokens?: number | undefined;
  readonly adapters: Adapters;
  /** Settles when nothing is being written to the disk's cache of weights any more. */
  readonly kept: Promise<void>;
  /** Ties saved sessions to the model. */
  readonly fingerprint: () => Promise<string>;
  /** Comes from the text worker; absent when the checkpoint has no tokenizer. */
  tokenTable: TokenTable | undefined;
}

/**
 * Reads a checkpoint: configuration, then the weights as a stream, one tensor at a time; and its adapters.
 *
 * @param adapterFiles - of the call's adapters
 * @throws SkeinError and its kinds, for whatever is missing, damaged or not supported
 */
export async function loadCheckpoint(
  files: CheckpointFiles,
  call: LoadCall,
  adapterFiles: readonly CheckpointFiles[],
  options: { readonly signal: AbortSignal; readonly onProgress: (progress: Progress) => void },
): Promise<LoadedModel> {
  checkBackendOptions(call);
  const { config, defaults } = await readConfiguration(files);
  const settings = inFile(`config.json in ${files.label}`, () => resolveContext(config, call.context));
  const context = { options: call.context, settings };
  const index = await openTensors(files);
  checkTensors(index, expectedTensors(config), { optional: optionalTensors(config) });
  const unused = await outputNotUsed(index, config);
  const specs = weightSpecs(config, index, call);
  const prepared: PreparedAdapter[] = [];
  for (const [i, adapter] of (call.adapters ?? []).entries())
    prepared.push(await prepareAdapter(adapterFiles[i]!, adapter, config, context));
  const contexts = [{ context }, ...prepared].map(({ context }) => context.settings);
  const layout = cacheLayout(config, call);
  const chosen = await chooseBackend(
    call,
    layout,
    [...specs, ...prepared.flatMap((adapter) => adapterSpecs(adapter, call.backend === "reference"))],
    {
      native: Math.max(...contexts.map(({ nativeWindow }) => nativeWindow)),
      extended: Math.max(...contexts.map(({ extendedWindow }) => extendedWindow)),
    },
  );
  const { backend } = chosen;
  const { pairs } = rotaryRows(resolveEncoding(config, chooseEncoding(context.settings, 1)), [0]);
  const weights = await loadWeights(files, index, config, specs, backend, pairs, options);
  const adapters = new Adapters();
  for (const adapter of prepared) adapters.add(await loadAdapter(adapter, backend, options.signal));

  const { blockTokens } = backend;
  const keyScales = layout.type === "q8" ? weights.keyScales : undefined;
  const pool = new BlockPool(backend.createBlockStore({ ...layout, blockTokens }, keyScales));
  const decoder = createDecoder(config, backend, pool.store, (name) => {
    const weight = weights.byName.get(name);
    if (!weight) throw new SkeinError("internal", `the decoder asks for ${name}, which was not loaded`);
    return weight;
  });
  return {
    ...chosen,
    config,
    context,
    defaults,
    pool,
    adapters,
    fingerprint: weights.fingerprint,
    kept: weights.kept,
    warnings: [
      ...contextWarnings(config, call.context),
      ...chosen.warnings,
      ...generationWarnings(defaults),
      ...widenedWarnings(index, specs, call),
      ...unused,
      ...prepared.flatMap(({ warnings }) => warnings),
    ],
    scheduler: new Scheduler(decoder, backend, config.vocab_size),
    tokenTable: undefined,
  };
}

function cacheLayout(config: ModelConfig, { cache = "f32" }: LoadCall): Omit<CacheLayout, "blockTokens"> {
  const { num_hidden_layers: layers, num_key_value_heads: keyValueHeads, head_dim: headDim } = config;
  return { layers, keyValueHeads, headDim, type: cache };
}

function generationWarnings({ notFollowed }: GenerationDefaults): Warning[] {
  if (notFollowed.length === 0) return [];
  return [
    {
      code: "generation_config_not_followed",
      message: `generation_config.json asks for what is not followed: ${notFollowed.join(", ")}`,
    },
  ];
}

/** Blocks of a GGUF file for which there are no kernels are kept in the next larger type. */
function widenedWarnings(index: TensorIndex, specs: readonly WeightSpec[], call: LoadCall): Warning[] {
  if (call.weights !== undefined || call.backend === "reference") return [];
  const widened = specs.filter(({ name, type, shape }) => {
    const plain = ["F32", "F16", "BF16"].includes(index.entry(name)!.dtype);
    return shape.length === 2 && type === "q8" && !plain && index.blockType?.(name) !== type;
  });
  if (widened.length === 0) return [];
  const types = [...new Set(widened.map(({ name }) => index.entry(name)!.dtype))].sort().join(", ");
  return [
    {
      code: "weights_widened",
      message: `${types}: ${widened.length} of ${specs.length} tensors are kept in 8 bits (q8), the nearest that there is, rounded; weights: "f32" keeps every number`,
    },
  ];
}
