import type { Backend, WeightSpec, WeightType } from "../../backend/backend.ts";
import type { CheckpointFiles } from "../../checkpoint/files.ts";
import type { Context } from "../../context/narrow.ts";
import { resolveContext } from "../../context/settings.ts";
import { type TuningWarning, tuningWarnings } from "../../context/tuning.ts";
import { InvalidOptionError, SkeinError } from "../../errors.ts";
import type { AdapterMatrices } from "../../model/adapter/adapted-decoder.ts";
import { type AdapterModule, type OpenAdapter, openAdapter, readMatrix } from "../../model/adapter/open-adapter.ts";
import type { ModelConfig } from "../../model/config.ts";
import type { AdapterCall } from "../methods.ts";
import type { AdapterFacts } from "../options.ts";
import { weightsFingerprint } from "./weights-fingerprint.ts";

/** An adapter beside its base: what sequences that have it share. */
export interface LoadedAdapter {
  readonly facts: AdapterFacts;
  readonly matrices: AdapterMatrices;
  /** What sequences that have it may do. */
  readonly context: Context;
  /** Tells it from others with other matrices or another tuning, whatever it is called. */
  readonly fingerprint: () => Promise<string>;
  readonly free: () => void;
}

/** An adapter that was checked; its matrices are still in its files. */
export interface PreparedAdapter {
  readonly name: string;
  readonly adapter: OpenAdapter;
  readonly context: Context;
  readonly warnings: readonly TuningWarning[];
}

/** The adapters of a model by their names. */
export class Adapters {
  readonly #byName = new Map<string, LoadedAdapter>();

  /**
   * @returns undefined for no name
   * @throws InvalidOptionError naming those that there are
   */
  get(name: string | undefined): LoadedAdapter | undefined {
    const found = name === undefined ? undefined : this.#byName.get(name);
    if (found || name === undefined) return found;
    const names = [...this.#byName.keys()].map((known) => JSON.stringify(known)).join(", ");
    const known = names === "" ? "none is" : `loaded are ${names}`;
    throw new InvalidOptionError("adapter", `${JSON.stringify(name)} is not loaded; ${known}`);
  }

  /** @throws InvalidOptionError when there is one of this name */
  checkFree(name: string): void {
    if (this.#byName.has(name))
      throw new InvalidOptionError("adapter", `there is one of the name ${JSON.stringify(name)}; unload it first`);
  }

  /** Takes an adapter over. @throws InvalidOptionError when there is one of this name meanwhile */
  add(adapter: LoadedAdapter): void {
    try {
      this.checkFree(adapter.facts.name);
    } catch (error) {
      adapter.free();
      throw error;
    }
    this.#byName.set(adapter.facts.name, adapter);
  }

  remove(name: string): void {
    this.get(name)?.free();
    this.#byName.delete(name);
  }

  async withFingerprint(fingerprint: string): Promise<LoadedAdapter | undefined> {
    for (const adapter of [...this.#byName.values()]) {
      const isIt = (await adapter.fingerprint()) === fingerprint;
      // It may have been unloaded meanwhile.
      if (isIt && this.#byName.get(adapter.facts.name) === adapter) return adapter;
    }
    return undefined;
  }

  get facts(): AdapterFacts[] {
    return [...this.#byName.values()].map(({ facts }) => facts);
  }
}

/**
 * Opens an adapter and decides the windows of its sequences: what the call says about its tuning wins over what its folder says.
 *
 * @param base - the model's context
 * @param option - for messages: where the adapter stands
 * @throws CheckpointError, InvalidConfigError, UnsupportedError, InvalidOptionError
 */
export async function prepareAdapter(
  files: CheckpointFiles,
  { name, window, factor }: Omit<AdapterCall, "source">,
  config: ModelConfig,
  base: Context,
  option = `adapters.${name}.`,
): Promise<PreparedAdapter> {
  const adapter = await openAdapter(files, config, `${option}adapter_config.`);
  const tuning = {
    adapter: name,
    window: window ?? adapter.tuning.window,
    factor: factor ?? adapter.tuning.factor,
  };
  const { options } = base;
  const context = { options, settings: resolveContext(config, options, tuning), tuning };
  return { name, adapter, context, warnings: tuningWarnings(base.settings, tuning) };
}

/** How the matrices are kept: A as it is in the file, B as float32, since the scale is multiplied in. */
export function adapterSpecs({ adapter }: PreparedAdapter, isReference: boolean): WeightSpec[] {
  return [...adapter.modules.values()].flatMap(({ rank, inputs, outputs, down, up }) => [
    { name: down, shape: [rank, inputs], type: isReference ? "f32" : storedType(adapter.tensors.entry(down)!.dtype) },
    { name: up, shape: [outputs, rank], type: "f32" },
  ]);
}

/**
 * Reads the matrices, module by module.
 *
 * @param alone - does what needs the backend for itself
 * @throws CheckpointError, UnsupportedError; SkeinError (code `out_of_memory`); the signal's reason
 */
export async function loadAdapter(
  prepared: PreparedAdapter,
  backend: Backend,
  signal: AbortSignal,
  alone: (work: () => Promise<void>) => Promise<void> = (work) => work(),
): Promise<LoadedAdapter> {
  const { adapter, context, name } = prepared;
  const modules = [...adapter.modules];
  const specs = adapterSpecs(prepared, backend.name === "reference");
  const space = backend.allocateWeights(specs);
  try {
    for (const [i, [, module]] of modules.entries()) {
      for (const [half, numbers] of [
        [0, await readMatrix(adapter.tensors, module.down)],
        [1, await readScaled(adapter, module)],
      ] as const) {
        signal.throwIfAborted();
        await alone(() => space.fill(2 * i + half, { read: async (start, end) => numbers.slice(start, end) }));
      }
    }
  } catch (error) {
    space.free();
    throw error;
  }
  const { window = null, factor = 1 } = context.tuning ?? {};
  return {
    facts: {
      name,
      modules: modules.length,
      rank: Math.max(...modules.map(([, { rank }]) => rank)),
      context: context.settings,
    },
    context,
    matrices: new Map(
      modules.map(([module], i) => [module, { down: space.weights[2 * i]!, up: space.weights[2 * i + 1]! }]),
    ),
    fingerprint: weightsFingerprint({ window, factor }, specs, space),
    free: () => space.free(),
  };
}

async function readScaled({ tensors }: OpenAdapter, { up, scale }: AdapterModule): Promise<Float32Array<ArrayBuffer>> {
  return (await readMatrix(tensors, up)).map((value) => value * scale);
}

function storedType(dtype: string): WeightType {
  switch (dtype) {
    case "F32":
      return "f32";
    case "F16":
      return "f16";
    case "BF16":
      return "bf16";
    default:
      throw new SkeinError("internal", `an adapter's matrix is of type ${dtype}`);
  }
}
