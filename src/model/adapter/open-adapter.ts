import { quoteName } from "../../checkpoint/errors.ts";
import { type CheckpointFiles, orRefused, readJson } from "../../checkpoint/files.ts";
import { refusePickle } from "../../checkpoint/foreign-file.ts";
import { checkTensors, openTensorFile, type TensorIndex } from "../../checkpoint/tensors.ts";
import { InvalidConfigError, SkeinError, UnsupportedError } from "../../errors.ts";
import { expectedTensors, type ModelConfig } from "../config.ts";
import { optionalNumber, readFields } from "../config-fields.ts";
import { type AdapterConfig, type ModuleRule, parseAdapterConfig } from "./config.ts";

/** At which length an adapter was tuned. */
export interface AdapterTuning {
  /** Tokens. */
  readonly window?: number | undefined;
  /** Of YaRN, over the base's original window. */
  readonly factor?: number | undefined;
}

/** A module that an adapter changes, and where its matrices are. */
export interface AdapterModule extends ModuleRule {
  readonly inputs: number;
  readonly outputs: number;
  /** Tensors: [rank, inputs] and [outputs, rank]. */
  readonly down: string;
  readonly up: string;
}

/** An adapter that fits its base; its numbers are not read yet. */
export interface OpenAdapter {
  /** By name, as `model.layers.0.self_attn.q_proj`. */
  readonly modules: ReadonlyMap<string, AdapterModule>;
  readonly tensors: TensorIndex;
  /** What its folder says. */
  readonly tuning: AdapterTuning;
}

/** What an adapter's matrices are in. */
export const weightsFile = "adapter_model.safetensors";
const pickledFile = "adapter_model.bin";
/** The embedding; a matrix, but not one that is multiplied by. */
const embedding = "model.embed_tokens";

/**
 * Opens a PEFT LoRA: `adapter_config.json`, `adapter_model.safetensors`, and `skein.json` where there is one. Every module that it targets has both of its
 * matrices, in shapes that fit the base, and there is nothing else in the file.
 *
 * @param config - the base's
 * @param prefix - before every field's name in messages
 * @throws CheckpointError, InvalidConfigError, UnsupportedError
 */
export async function openAdapter(files: CheckpointFiles, config: ModelConfig, prefix?: string): Promise<OpenAdapter> {
  const { ruleFor } = parseAdapterConfig(await readAdapterJson(files), prefix);
  const tensors = await openMatrices(files, ruleFor);
  const modules = new Map<string, AdapterModule>();
  const expected = new Map<string, readonly number[]>();
  for (const [module, [outputs, inputs]] of matricesOf(config)) {
    const rule = ruleFor(module);
    if (!rule) continue;
    const { down, up } = matrixNames(module);
    expected.set(down, [rule.rank, inputs]).set(up, [outputs, rule.rank]);
    modules.set(module, { ...rule, inputs, outputs, down, up });
  }
  if (modules.size === 0)
    throw new InvalidConfigError(`${prefix ?? "adapter_config."}target_modules`, "names no module that this base has");
  checkTensors(tensors, expected, {
    problem: `${weightsFile} in ${files.label} does not fit its adapter_config.json and this base`,
    question: "Was the adapter trained on this model?",
  });
  return { modules, tensors, tuning: await readTuning(files) };
}

/** `adapter_config.json` as it was parsed. @throws SkeinError (code `not_found`) without one; CheckpointError */
export async function readAdapterJson(files: CheckpointFiles): Promise<unknown> {
  const json = await readJson(files, "adapter_config.json");
  if (json !== undefined) return json;
  throw new SkeinError(
    "not_found",
    `${files.label}: there is no adapter_config.json${orRefused(files)}; an adapter is a folder with adapter_config.json and ${weightsFile}, as PEFT saves it`,
  );
}

/**
 * The tensors of an adapter, whatever its base is.
 *
 * @throws UnsupportedError for those of another kind of adapter, and for pickles; CheckpointError
 */
export async function openMatrices(files: CheckpointFiles, ruleFor: AdapterConfig["ruleFor"]): Promise<TensorIndex> {
  if (ruleFor(embedding))
    throw new UnsupportedError(
      `${files.label}: adapters of the embedding (embed_tokens) are not supported; those of the other matrices are`,
    );
  const isPickled = (await files.size(weightsFile)) === undefined && (await files.size(pickledFile)) !== undefined;
  if (isPickled)
    throw refusePickle(
      `${files.label} has its matrices in ${pickledFile}`,
      "save the adapter with safe_serialization=True",
    );
  const tensors = await openTensorFile(files, weightsFile);
  refuseOthers(tensors, files.label);
  return tensors;
}

/** The names of the two tensors of a module: [rank, inputs] and [outputs, rank]. */
export function matrixNames(module: string): { readonly down: string; readonly up: string } {
  const start = `base_model.model.${module}.lora_`;
  return { down: `${start}A.weight`, up: `${start}B.weight` };
}

/** The numbers of a matrix. @throws UnsupportedError when one is not finite */
export async function readMatrix(tensors: TensorIndex, name: string): Promise<Float32Array<ArrayBuffer>> {
  const numbers = await tensors.readFloat32(name);
  if (numbers.every(Number.isFinite)) return numbers;
  throw new UnsupportedError(`${name}: a number is not finite. Is the adapter damaged? (${weightsFile})`);
}

/** Every matrix that inputs are multiplied by, by its module: [outputs, inputs]. */
function* matricesOf(config: ModelConfig): Generator<readonly [string, readonly [number, number]]> {
  for (const [name, shape] of expectedTensors(config)) {
    const module = name.replace(/\.weight$/, "");
    if (shape.length === 2 && module !== embedding) yield [module, shape as readonly [number, number]];
  }
  // The output matrix is a module of its own also where it is the embedding.
  if (config.tie_word_embeddings) yield ["lm_head", [config.vocab_size, config.hidden_size]];
}

/** Tensors of other kinds of adapters, by what their names say. */
const others: readonly (readonly [RegExp, string])[] = [
  [/lora_magnitude_vector/, "DoRA, which is not supported: only plain LoRA is"],
  [/lora_embedding_[AB]/, "an adapter of the embedding, which is not supported"],
  [/modules_to_save|original_module/, "a whole module (modules_to_save), which is not supported"],
];

function refuseOthers({ names }: TensorIndex, label: string): void {
  for (const name of names) {
    const what = others.find(([pattern]) => pattern.test(name))?.[1];
    if (what !== undefined) throw new UnsupportedError(`${label}: the tensor ${quoteName(name)} belongs to ${what}`);
  }
}

/** What `skein.json` says; PEFT leaves a file of this name alone. @throws InvalidConfigError, CheckpointError */
export async function readTuning(files: CheckpointFiles): Promise<AdapterTuning> {
  const json = await readJson(files, "skein.json");
  if (json === undefined) return {};
  const fields = readFields(json, "skein.json", "skein.json: ");
  for (const name of Object.keys(fields.values)) {
    if (name !== "window" && name !== "factor")
      throw new InvalidConfigError(
        `skein.json: ${quoteName(name)}`,
        "is not known; an adapter's skein.json has window and factor",
      );
  }
  return {
    window: optionalNumber(fields, "window", { integer: true, minimum: 1, maximum: 2 ** 24 }, undefined),
    factor: optionalNumber(fields, "factor", { minimum: 1, maximum: 1024 }, undefined),
  };
}
