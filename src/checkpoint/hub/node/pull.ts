import { statfs } from "node:fs/promises";
import { join } from "node:path";
import { makeFolder } from "../../node/make-folder.ts";
import { HubError } from "../errors.ts";
import { ggufChoices } from "../gguf-choice.ts";
import type { DownloadPlan, HubModel, PullOptions } from "../hub.ts";
import { formatModelId, type ModelId } from "../model-id.ts";
import type { HubFile, HubRepository } from "../repository.ts";
import { optionalFiles, type SelectedFiles, safetensorsModel, selectFiles } from "../select-files.ts";
import { RepositoryFolder, sizeOf } from "./cache-layout.ts";
import { onDisk } from "./disk-error.ts";
import { type Download, downloadFile, partPath } from "./download-file.ts";
import { listSnapshot } from "./find-cached.ts";
import { readRepository } from "./read-repository.ts";
import { openRemoteFiles } from "./remote-files.ts";
import type { HubSettings } from "./settings.ts";

/** Files that are downloaded at once. */
const atOnce = 4;

/**
 * Brings a model into the cache as it is on the Hub now: only the files that are needed, only what is missing. A revision stands for the new commit once
 * all of them are there.
 *
 * @throws HubError; CheckpointError for an index that cannot be followed; the signal's reason
 */
export async function pull(settings: HubSettings, id: ModelId, options: PullOptions): Promise<HubModel> {
  const { path, signal, onPlan, onProgress } = options;
  const repository = await readRepository(settings, id, signal).catch((error: unknown) => {
    throw path === undefined ? error : orPath(error, path);
  });
  const names = repository.files.map(({ name }) => name);
  const folder = new RepositoryFolder(settings.cache, id.repository);
  const selected = await selectFiles(id, names, openRemoteFiles(settings, repository, signal)).catch(async (error) => {
    await rememberLack(folder, repository.commit, names);
    throw error;
  });
  const files = repository.files
    .filter(({ name }) => selected.names.includes(name))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const missing = await findMissing(folder, repository.commit, files);
  const model = modelOf(id, repository, folder, selected, files);
  const plan = { ...model, missingBytes: await bytesLeft(folder, missing), host: new URL(settings.endpoint).host };
  await onPlan?.(plan);
  signal?.throwIfAborted();
  await onDisk(settings.cache, async () => {
    await makeFolder(settings.cache);
    await checkSpace(settings.cache, plan);
    const tell = countBytes(files, missing, onProgress);
    await downloadAll({ settings, repository, folder, signal }, missing, tell);
    for (const name of selected.gguf === undefined ? optionalFiles(selected.names) : safetensorsModel)
      if (!names.includes(name)) await folder.markMissing(repository.commit, name);
    if (id.revision !== repository.commit) await folder.setCommit(id.revision, repository.commit);
  });
  return model;
}

/** What nobody knows was perhaps meant as a path. */
function orPath(error: unknown, path: string): unknown {
  if (!(error instanceof HubError) || !["not_found", "unauthorized", "network"].includes(error.code)) return error;
  return new HubError(error.code, `${error.message}. There is no folder or file ${path} either`, { cause: error });
}

/** That a GGUF file in the cache is no stand-in for safetensors files is worth knowing, even if nothing was chosen that could be downloaded. */
async function rememberLack(folder: RepositoryFolder, commit: string, names: readonly string[]): Promise<void> {
  if (ggufChoices(names).length === 0 || (await listSnapshot(folder.snapshot(commit))).length === 0) return;
  // A cache that cannot be written to can still be read.
  for (const name of safetensorsModel)
    if (!names.includes(name)) await folder.markMissing(commit, name).catch(() => {});
}

function modelOf(
  id: ModelId,
  { repository, revision, commit }: HubRepository,
  folder: RepositoryFolder,
  { gguf }: SelectedFiles,
  files: readonly HubFile[],
): HubModel {
  const snapshot = folder.snapshot(commit);
  return {
    id: formatModelId(id),
    repository,
    revision,
    commit,
    path: gguf === undefined ? snapshot : join(snapshot, gguf),
    files: files.map(({ name, size }) => ({ name, size })),
    bytes: sum(files),
  };
}

async function findMissing(folder: RepositoryFolder, commit: string, files: readonly HubFile[]): Promise<HubFile[]> {
  const missing = [];
  for (const file of files) if (!(await folder.has(commit, file))) missing.push(file);
  return missing;
}

/** Blobs that an older revision has as well, and what an earlier attempt left, need not be downloaded. */
async function bytesLeft(folder: RepositoryFolder, files: readonly HubFile[]): Promise<number> {
  let bytes = 0;
  for (const file of files) {
    const hasBlob = (await sizeOf(folder.blob(file.etag))) === file.size;
    if (!hasBlob) bytes += Math.max(0, file.size - ((await sizeOf(partPath(folder, file))) ?? 0));
  }
  return bytes;
}

/** Better said now than after an hour. */
async function checkSpace(cache: string, { missingBytes }: DownloadPlan): Promise<void> {
  const { bavail, bsize, blocks } = await statfs(cache);
  if (blocks === 0 || bavail * bsize >= missingBytes) return;
  throw new HubError(
    "disk_full",
    `${cache}: ${formatBytes(missingBytes)} are still to be downloaded and ${formatBytes(bavail * bsize)} are free; make room, or name a folder on another disk in HF_HOME`,
  );
}

/** As the command line says how large a download is. */
function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  const power = Math.min(units.length - 1, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
  return `${Number((bytes / 1024 ** power).toPrecision(4))} ${units[power]}`;
}

/** @returns what each file tells its bytes to */
function countBytes(
  files: readonly HubFile[],
  missing: readonly HubFile[],
  onProgress: PullOptions["onProgress"],
): (file: HubFile, position: number) => void {
  const total = sum(files);
  const done = new Map(files.map((file) => [file, missing.includes(file) ? 0 : file.size]));
  let completed = total - sum(missing);
  onProgress?.(completed, total);
  return (file, position) => {
    completed += position - (done.get(file) ?? 0);
    done.set(file, position);
    onProgress?.(completed, total);
  };
}

/** Several files at once. The first that fails ends the others; what they have is kept. */
async function downloadAll(
  download: Download,
  files: readonly HubFile[],
  tell: (file: HubFile, position: number) => void,
): Promise<void> {
  const failing = new AbortController();
  const signal = AbortSignal.any(download.signal ? [download.signal, failing.signal] : [failing.signal]);
  const waiting = [...files];
  const work = async (): Promise<void> => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const next = file;
      await downloadFile({ ...download, signal }, next, (position) => tell(next, position));
    }
  };
  const workers = Array.from({ length: Math.min(atOnce, files.length) }, () =>
    work().catch((error: unknown) => {
      failing.abort(error);
      throw error;
    }),
  );
  await Promise.allSettled(workers);
  download.signal?.throwIfAborted();
  failing.signal.throwIfAborted();
}

function sum(files: readonly HubFile[]): number {
  return files.reduce((bytes, { size }) => bytes + size, 0);
}
