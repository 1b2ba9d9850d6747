import { type SkeinError, UnsupportedError } from "../errors.ts";
import { adapterWithoutBase } from "./adapter-without-base.ts";
import { CheckpointError, quoteName } from "./errors.ts";
import { type CheckpointFiles, checkFileName, parseJson, readText } from "./files.ts";
import { explainForeignFile, isPickleName, refusePickle, TELLING_BYTES } from "./foreign-file.ts";
import { findDuplicateKey } from "./json-keys.ts";
import { isRecord } from "./json-record.ts";
import { readHeader, type TensorEntry } from "./safetensors.ts";

const SINGLE_FILE = "model.safetensors";
const PICKLE_INDEX = "pytorch_model.bin.index.json";
const INDEX_FILE = "model.safetensors.index.json";

/**
 * All tensors of a checkpoint: those of `model.safetensors`, or of the shards that `model.safetensors.index.json` names.
 *
 * @throws CheckpointError when there are no weights, or a file is damaged or contradicts another.
 * @throws UnsupportedError when the weights are in another format.
 */
export async function readEntries(files: CheckpointFiles): Promise<Map<string, TensorEntry>> {
  if ((await files.size(SINGLE_FILE)) !== undefined) {
    return collect([await readHeader(files, SINGLE_FILE)], files.label);
  }
  const weightMap = await readWeightMap(files);
  if (weightMap === undefined) throw await noWeights(files);
  const shards = [...new Set(weightMap.values())].sort();
  const headers = await Promise.all(shards.map((shard) => readHeader(files, shard)));
  const entries = collect(headers, files.label);
  for (const [name, shard] of weightMap) {
    if (entries.get(name)?.file === shard) continue;
    throw invalidIndex(files, `says that ${quoteName(name)} is in ${quoteName(shard)}, which does not hold it`);
  }
  return entries;
}

/** Whether there are weights in safetensors files. */
export async function hasWeights(files: CheckpointFiles): Promise<boolean> {
  return (await files.size(SINGLE_FILE)) !== undefined || (await files.size(INDEX_FILE)) !== undefined;
}

/**
 * The files that the weights are in, the index included; none when there are no weights in safetensors files.
 *
 * @throws CheckpointError when the index cannot be followed
 */
export async function weightFileNames(files: CheckpointFiles): Promise<readonly string[]> {
  if ((await files.size(SINGLE_FILE)) !== undefined) return [SINGLE_FILE];
  const weightMap = await readWeightMap(files);
  return weightMap === undefined ? [] : [INDEX_FILE, ...[...new Set(weightMap.values())].sort()];
}

/** Tensor name to shard. */
async function readWeightMap(files: CheckpointFiles): Promise<Map<string, string> | undefined> {
  const text = await readText(files, INDEX_FILE);
  if (text === undefined) return undefined;
  const index = parseJson(text, `${INDEX_FILE} in ${files.label}`);
  const duplicate = findDuplicateKey(text);
  if (duplicate !== undefined) throw invalidIndex(files, `names ${quoteName(duplicate)} twice`);
  const map = isRecord(index) ? index.weight_map : undefined;
  if (!isRecord(map)) throw invalidIndex(files, "has no weight_map (tensor name to file name)");
  const weightMap = new Map<string, string>();
  for (const [name, shard] of Object.entries(map)) {
    if (typeof shard !== "string") throw invalidIndex(files, `gives no file name for ${quoteName(name)}`);
    checkFileName(shard, `${INDEX_FILE} in ${files.label}`);
    weightMap.set(name, shard);
  }
  return weightMap;
}

function collect(headers: readonly (readonly TensorEntry[])[], label: string): Map<string, TensorEntry> {
  const entries = new Map<string, TensorEntry>();
  for (const entry of headers.flat()) {
    const other = entries.get(entry.name);
    if (other !== undefined) {
      throw new CheckpointError(
        "invalid_checkpoint",
        `${label} has the tensor ${quoteName(entry.name)} twice: in ${other.file} and in ${entry.file}`,
      );
    }
    entries.set(entry.name, entry);
  }
  return entries;
}

/** The error for a folder without weights that can be read; formats that are known, and adapters, are named. */
export async function noWeights(files: CheckpointFiles): Promise<SkeinError> {
  const names = (await files.list?.()) ?? [];
  const gguf = names.find((name) => name.toLowerCase().endsWith(".gguf"));
  if (gguf !== undefined) {
    return new UnsupportedError(
      `${files.label} has its weights in GGUF (${quoteName(gguf)}), which is not supported beside a config.json; give the path of the GGUF file`,
    );
  }
  // A web address cannot list its files.
  for (const name of files.list ? names.filter(isPickleName).sort() : ["pytorch_model.bin"]) {
    const size = await files.size(name);
    if (size === undefined) continue;
    const foreign = explainForeignFile(
      await files.read(name, 0, Math.min(size, TELLING_BYTES)),
      `${name} in ${files.label}`,
    );
    return foreign?.code === "invalid_checkpoint" ? foreign : refusePickle(`${files.label} has its weights in ${name}`);
  }
  if ((await files.size(PICKLE_INDEX)) === undefined) {
    const adapter = await adapterWithoutBase(files, `there is no ${SINGLE_FILE}`);
    if (adapter) return adapter;
    return new CheckpointError(
      "not_found",
      `${files.label} has no weights: neither ${SINGLE_FILE} nor ${INDEX_FILE} is there`,
    );
  }
  return refusePickle(`${files.label} has its weights in the files of ${PICKLE_INDEX}`);
}

function invalidIndex(files: CheckpointFiles, what: string): CheckpointError {
  return new CheckpointError("invalid_checkpoint", `${INDEX_FILE} in ${files.label} ${what}`);
}
