import type { CheckpointFiles } from "../files.ts";
import { isPickleName, pickleDanger } from "../foreign-file.ts";
import { weightFileNames } from "../shards.ts";
import { HubError } from "./errors.ts";
import { chooseGguf, ggufChoices } from "./gguf-choice.ts";
import type { ModelId } from "./model-id.ts";

const ofModels = ["generation_config.json", "tokenizer.json", "tokenizer_config.json", "chat_template.jinja"];
const ofAdapters = ["skein.json"];
const adapterWeights = "adapter_model.safetensors";

/**
 * What is read of a model's files, or an adapter's, besides its weights, where it is there. That there is none is remembered, too.
 *
 * @param selected - the names of {@link selectFiles}
 */
export function optionalFiles(selected: readonly string[]): readonly string[] {
  return selected.includes(adapterWeights) ? ofAdapters : ofModels;
}

/** A repository that lacks the first, or both others, has no model but those of its GGUF files. */
export const safetensorsModel: readonly [string, string, string] = [
  "config.json",
  "model.safetensors",
  "model.safetensors.index.json",
];

/** What is needed of a repository. */
export interface SelectedFiles {
  readonly names: readonly string[];
  /** The GGUF file to open; undefined: the folder is the model. */
  readonly gguf?: string;
}

/** Small files that say what the weights mean; those of Python's tokenizers come along, so that it can load the model as well. */
const described =
  /^(?:config\.json|generation_config\.json|tokenizer[\w.-]*\.(?:json|model)|special_tokens_map\.json|chat_template[\w.-]*\.(?:json|jinja)|adapter_config\.json|skein\.json)$/;

/**
 * Which files of a repository make the model that an id means: no README, no copies of the weights in other formats, no pickles.
 *
 * @param names - of all files there are, checked
 * @param files - the same files, for the index of weights in several files
 * @throws HubError `not_found` when there is no model, or there are several to choose from; CheckpointError for an index that cannot be followed
 */
export async function selectFiles(
  id: ModelId,
  names: readonly string[],
  files: CheckpointFiles,
): Promise<SelectedFiles> {
  const isChosen = id.file !== undefined || id.quantisation !== undefined;
  const safetensors = isChosen ? [] : await findSafetensors(names, files);
  if (safetensors.length > 0) {
    return { names: [...names.filter((name) => described.test(name)), ...safetensors] };
  }
  if (isChosen || ggufChoices(names).length > 0) {
    const { first, files: parts } = chooseGguf(id, names, files.label);
    return { names: parts, gguf: first };
  }
  const pickled = names.find(isPickleName);
  throw new HubError(
    "not_found",
    pickled === undefined
      ? `${files.label} has no weights in safetensors or GGUF files`
      : `${files.label} has its weights in ${pickled}, ${pickleDanger}; take a repository with safetensors or GGUF files`,
  );
}

async function findSafetensors(names: readonly string[], files: CheckpointFiles): Promise<readonly string[]> {
  if (names.includes("config.json")) {
    const weights = await weightFileNames(files);
    const missing = weights.find((name) => !names.includes(name));
    if (missing !== undefined)
      throw new HubError("not_found", `${files.label} lacks ${missing}, which its index names`);
    // Some trainers put the base's configuration beside an adapter.
    if (weights.length > 0 || ggufChoices(names).length > 0) return weights;
  }
  return ["adapter_config.json", adapterWeights].every((name) => names.includes(name)) ? [adapterWeights] : [];
}
