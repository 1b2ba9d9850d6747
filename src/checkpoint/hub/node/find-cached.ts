import { readdir } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { openDirectory } from "../../node/directory.ts";
import { HubError } from "../errors.ts";
import type { FoundModel } from "../hub.ts";
import { formatModelId, type ModelId } from "../model-id.ts";
import { optionalFiles, safetensorsModel, selectFiles } from "../select-files.ts";
import { RepositoryFolder, sizeOf } from "./cache-layout.ts";
import type { HubSettings } from "./settings.ts";

/**
 * Looks for a model in the cache, whoever put it there; nothing is requested.
 *
 * @returns the model, or why there is none
 * @throws CheckpointError when an index of weights cannot be followed
 */
export async function findCached(settings: HubSettings, id: ModelId): Promise<FoundModel> {
  const folder = new RepositoryFolder(settings.cache, id.repository);
  const commit = await folder.commitOf(id.revision);
  const path = folder.snapshot(commit ?? "");
  const present = commit === undefined ? [] : await listSnapshot(path);
  if (commit === undefined || present.length === 0) return { missing: "nothing of it is there" };
  const names = present.map(({ name }) => name);
  const files = await openDirectory(path);
  try {
    const selected = await selectFiles(id, names, { ...files, label: `${formatModelId(id)} in the cache` });
    const found = present.filter(({ name }) => selected.names.includes(name));
    const { repository, revision } = id;
    const doubt =
      selected.gguf === undefined
        ? undefined
        : await doubtOf(id, selected.gguf, (name) => folder.isMissing(commit, name));
    return {
      model: {
        id: formatModelId(id),
        repository,
        revision,
        commit,
        path: selected.gguf === undefined ? path : join(path, selected.gguf),
        files: found,
        bytes: found.reduce((sum, { size }) => sum + size, 0),
      },
      isComplete:
        selected.gguf === undefined ? await hasOptionalFiles(folder, commit, selected.names) : doubt === undefined,
      ...(doubt === undefined ? {} : { doubt }),
    };
  } catch (error) {
    if (error instanceof HubError && error.code === "not_found") return { missing: error.message };
    throw error;
  } finally {
    await files.close();
  }
}

/** Whether the id may mean other weights than those of a GGUF file, which are taken because the cache has nothing else. */
async function doubtOf(
  id: ModelId,
  gguf: string,
  isMissing: (name: string) => Promise<boolean>,
): Promise<string | undefined> {
  if (id.file !== undefined || id.quantisation !== undefined) return undefined;
  const [config, single, index] = safetensorsModel;
  if ((await isMissing(config)) || ((await isMissing(single)) && (await isMissing(index)))) return undefined;
  const chosen = formatModelId({ ...id, file: gguf });
  return `${gguf} is what the cache has of it, and whether the Hub has safetensors files, which the name means then, is not known; ${chosen} means this file`;
}

/** The files of a snapshot that are really there. */
export async function listSnapshot(path: string): Promise<{ readonly name: string; readonly size: number }[]> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch(() => []);
  const files = [];
  for (const entry of entries) {
    if (entry.isDirectory()) continue;
    const file = join(entry.parentPath, entry.name);
    const size = await sizeOf(file);
    if (size !== undefined) files.push({ name: relative(path, file).split(sep).join("/"), size });
  }
  return files.sort((a, b) => (a.name < b.name ? -1 : 1));
}

async function hasOptionalFiles(
  folder: RepositoryFolder,
  commit: string,
  selected: readonly string[],
): Promise<boolean> {
  for (const name of optionalFiles(selected)) {
    if (!selected.includes(name) && !(await folder.isMissing(commit, name))) return false;
  }
  return true;
}
