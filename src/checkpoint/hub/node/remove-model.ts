import { readdir, readlink, rm } from "node:fs/promises";
import { basename, join } from "node:path";
import { HubError } from "../errors.ts";
import { chooseGguf } from "../gguf-choice.ts";
import type { RemovedModel } from "../hub.ts";
import { formatModelId, type ModelId } from "../model-id.ts";
import { RepositoryFolder, sizeOf } from "./cache-layout.ts";
import { onDisk } from "./disk-error.ts";
import { isBeingDownloaded } from "./download-file.ts";
import { listSnapshot } from "./find-cached.ts";
import { readRevisionNames } from "./list-models.ts";
import type { HubSettings } from "./settings.ts";

/**
 * Removes a model from the cache: all of its repository, one revision, or one GGUF model. Contents that another revision needs stay.
 *
 * @param everything - the whole repository, whatever the id's revision
 * @throws HubError `not_cached` when there is nothing of the kind, `busy` while a process downloads files of the repository
 */
export async function removeModel(settings: HubSettings, id: ModelId, everything: boolean): Promise<RemovedModel> {
  const folder = new RepositoryFolder(settings.cache, id.repository);
  await refuseWhileBusy(folder, id);
  return await onDisk(folder.path, async () => {
    const before = await contentsOf(folder);
    if (before.size === 0) throw notCached(id, settings);
    if (everything) {
      await rm(folder.path, { recursive: true, force: true });
    } else {
      await removeFromSnapshots(folder, id, settings);
      await removeUnneeded(folder);
    }
    const after = await contentsOf(folder);
    const removed = [...before].filter(([path]) => !after.has(path));
    return { files: removed.length, bytes: removed.reduce((sum, [, size]) => sum + size, 0) };
  });
}

async function removeFromSnapshots(folder: RepositoryFolder, id: ModelId, settings: HubSettings): Promise<void> {
  const commit = await folder.commitOf(id.revision);
  if (commit === undefined) throw notCached(id, settings);
  const path = folder.snapshot(commit);
  const names = (await listSnapshot(path)).map(({ name }) => name);
  if (names.length === 0) throw notCached(id, settings);
  const isPart = id.file !== undefined || id.quantisation !== undefined;
  const files = isPart ? chooseGguf(id, names, `${formatModelId(id)} in the cache`).files : names;
  if (files.length < names.length) {
    for (const name of files) await rm(join(path, name), { force: true });
    return;
  }
  for (const name of (await readRevisionNames(folder)).get(commit) ?? []) await rm(join(folder.path, "refs", name));
  await rm(path, { recursive: true, force: true });
  await rm(join(folder.path, ".no_exist", commit), { recursive: true, force: true });
  await rm(join(folder.path, "trees", `${commit}.json`), { force: true });
}

/** Blobs that no snapshot links to any more, and a folder that has no snapshots. What is not complete may be gone on with. */
async function removeUnneeded(folder: RepositoryFolder): Promise<void> {
  const snapshots = await readdir(join(folder.path, "snapshots")).catch(() => []);
  if (snapshots.length === 0) return rm(folder.path, { recursive: true, force: true });
  const needed = new Set<string>();
  for (const commit of snapshots) {
    const path = folder.snapshot(commit);
    for (const { name } of await listSnapshot(path))
      needed.add(basename(await readlink(join(path, name)).catch(() => "")));
  }
  const blobs = join(folder.path, "blobs");
  for (const name of await readdir(blobs).catch(() => []))
    if (!needed.has(name) && !name.endsWith(".incomplete")) await rm(join(blobs, name));
}

/** Path to size of everything with content: files, and blobs that are links to what repositories share, whose removal frees nothing. */
async function contentsOf({ path }: RepositoryFolder): Promise<Map<string, number>> {
  const found = new Map<string, number>();
  for (const part of ["blobs", "snapshots"]) {
    for (const entry of await readdir(join(path, part), { recursive: true, withFileTypes: true }).catch(() => [])) {
      const file = join(entry.parentPath, entry.name);
      if (entry.isFile()) found.set(file, (await sizeOf(file)) ?? 0);
      else if (part === "blobs" && entry.isSymbolicLink()) found.set(file, 0);
    }
  }
  return found;
}

/** A download that finds its folder gone would fail in the middle. */
async function refuseWhileBusy(folder: RepositoryFolder, id: ModelId): Promise<void> {
  for (const name of await readdir(folder.locks).catch(() => [])) {
    const etag = /^([0-9a-f]+)\.skein\.lock$/.exec(name)?.[1];
    if (etag !== undefined && (await isBeingDownloaded(folder, etag)))
      throw new HubError(
        "busy",
        `${id.repository} is being downloaded by another process; wait for it, or end it first`,
      );
  }
}

function notCached(id: ModelId, { cache }: HubSettings): HubError {
  return new HubError("not_cached", `${formatModelId(id)} is not in the cache (${cache}); skein list shows what is`);
}
