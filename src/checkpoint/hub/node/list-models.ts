import { readdir, readFile, realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { CheckpointError } from "../../errors.ts";
import type { HubListing, ListedModel, ListedRevision } from "../hub.ts";
import { isRepository } from "../model-id.ts";
import { codeOf, isCommit, RepositoryFolder, sizeOf } from "./cache-layout.ts";
import { listSnapshot } from "./find-cached.ts";
import type { HubSettings } from "./settings.ts";

/**
 * The models in the cache, whoever put them there; a folder that is not there holds none.
 *
 * @throws CheckpointError (code `read_failed`) when it may not be read
 */
export async function listModels({ cache }: HubSettings): Promise<HubListing> {
  const models = [];
  for (const name of (await repositoriesIn(cache)).sort()) {
    const repository = /^models--(.+)$/.exec(name)?.[1]?.replace("--", "/");
    if (repository === undefined || !isRepository(repository)) continue;
    const model = await listModel(new RepositoryFolder(cache, repository), repository);
    if (model.revisions.length > 0 || model.bytes > 0) models.push(model);
  }
  return { folder: cache, bytes: models.reduce((sum, { bytes }) => sum + bytes, 0), models };
}

async function listModel(folder: RepositoryFolder, repository: string): Promise<ListedModel> {
  const names = await readRevisionNames(folder);
  const revisions = [];
  /** Where the contents lie, and their sizes: blobs, or files of snapshots where there are no links. */
  const contents = new Map<string, number>();
  for (const commit of (await namesIn(join(folder.path, "snapshots"))).filter(isCommit)) {
    const revision = await listRevision(folder, commit, names.get(commit) ?? []);
    if (revision.files.length > 0) revisions.push(revision);
    for (const { name, size } of revision.files) contents.set(await whereItLies(join(revision.path, name)), size);
  }
  let unfinishedBytes = 0;
  for (const name of await namesIn(join(folder.path, "blobs"))) {
    const path = join(folder.path, "blobs", name);
    const size = (await sizeOf(path)) ?? 0;
    if (name.endsWith(".incomplete")) unfinishedBytes += size;
    contents.set(await whereItLies(path), size);
  }
  return {
    repository,
    bytes: [...contents.values()].reduce((sum, size) => sum + size, 0),
    unfinishedBytes,
    revisions: revisions.sort((a, b) => b.modified.getTime() - a.modified.getTime()),
  };
}

async function listRevision(
  folder: RepositoryFolder,
  commit: string,
  names: readonly string[],
): Promise<ListedRevision> {
  const path = folder.snapshot(commit);
  const files = await listSnapshot(path);
  const times = await Promise.all(files.map(async ({ name }) => timeOf(join(path, name))));
  return {
    commit,
    names,
    path,
    bytes: files.reduce((sum, { size }) => sum + size, 0),
    files,
    modified: new Date(Math.max(0, ...times)),
  };
}

/** Commit to the names of branches and tags; names may have slashes. */
export async function readRevisionNames({ path }: RepositoryFolder): Promise<Map<string, string[]>> {
  const found = new Map<string, string[]>();
  for (const { name } of await listSnapshot(join(path, "refs"))) {
    const commit = (await readFile(join(path, "refs", name), "utf8").catch(() => "")).trim();
    if (isCommit(commit)) found.set(commit, [...(found.get(commit) ?? []), name]);
  }
  return found;
}

/** What is removed while the list is made counts as it was. */
async function whereItLies(path: string): Promise<string> {
  return await realpath(path).catch(() => path);
}

/** @returns when it was last changed; milliseconds since 1970 */
async function timeOf(path: string): Promise<number> {
  return (await stat(path).catch(() => undefined))?.mtimeMs ?? 0;
}

async function namesIn(path: string): Promise<string[]> {
  return await readdir(path).catch(() => []);
}

async function repositoriesIn(cache: string): Promise<string[]> {
  try {
    return await readdir(cache);
  } catch (error) {
    const code = codeOf(error);
    if (code === "ENOENT" || code === "ENOTDIR") return [];
    throw new CheckpointError("read_failed", `${cache}: cannot be read (${code}); HF_HOME or HF_HUB_CACHE names it`, {
      cause: error,
    });
  }
}
