import { openAsBlob } from "node:fs";
import { access, constants, stat } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { parentPort } from "node:worker_threads";
import { openBlobs } from "../../checkpoint/blobs.ts";
import type { CheckpointFiles } from "../../checkpoint/files.ts";
import { followGguf } from "../../checkpoint/gguf/follow-gguf.ts";
import { openUrl } from "../../checkpoint/http.ts";
import { openDirectory, readError } from "../../checkpoint/node/directory.ts";
import { SkeinError } from "../../errors.ts";
import type { OwnerPort } from "../channel.ts";
import { createWeightKeeper } from "../keep-weights.ts";
import { readModelAddress } from "../model-address.ts";
import type { Platform } from "../platform.ts";
import { openSharedFiles } from "../shared-files.ts";
import type { SourceDescription } from "../source.ts";
import { createAtomicFile } from "./atomic-file.ts";
import { createWeightCache } from "./weight-cache.ts";

const weightCache = createWeightCache();

export const platform: Platform = {
  ownerPort,
  exists: async (path) => (await stat(path).catch(() => undefined)) !== undefined,
  // Most models are folders, and do without this.
  openHub: async () => (await import("../../checkpoint/hub/node/open-hub.ts")).openHub(),
  createFile: createAtomicFile,
  openFile,
  weightCache,
  keepWeights: createWeightKeeper(weightCache),
};

function ownerPort(): OwnerPort {
  const port = parentPort;
  if (!port) throw new SkeinError("internal", "this file runs as a worker of a model only");
  return {
    post: (message, transfer = []) => port.postMessage(message, [...transfer]),
    onMessage: (listener) => port.on("message", listener),
  };
}

export async function openSource(
  source: SourceDescription,
  content?: "adapter",
  signal?: AbortSignal,
): Promise<CheckpointFiles> {
  switch (source.kind) {
    case "folder":
      return openPath(source.path, content);
    case "url":
      if (!source.url.startsWith("file:")) return openAddress(new URL(source.url), signal);
      return openPath(fileURLToPath(source.url), content);
    case "files":
      return followGguf(openBlobs(source.files));
    case "shared":
      return followGguf(await openSharedFiles(source.shared));
  }
}

async function openAddress(url: URL, signal: AbortSignal | undefined): Promise<CheckpointFiles> {
  const { folder, file } = readModelAddress(url);
  const files = openUrl(folder, signal ? { signal } : {});
  return file === undefined ? files : followGguf(files, file);
}

/** A checkpoint's folder, or a GGUF file; an adapter's folder. */
async function openPath(path: string, content?: "adapter"): Promise<CheckpointFiles> {
  if (content) return openDirectory(path, { content });
  const isFile = /\.gguf$/i.test(path) && (await stat(path).catch(() => undefined))?.isFile() === true;
  if (!isFile) return followGguf(await openDirectory(path));
  const named = basename(path);
  return followGguf(await openDirectory(dirname(path), { named }), named);
}

async function openFile(path: string): Promise<Blob> {
  // A Blob asks for the permission only when it is read, and does not say then what was missing.
  const isFile = await access(path, constants.R_OK)
    .then(() => stat(path))
    .then((found) => found.isFile())
    .catch((error: NodeJS.ErrnoException) => {
      const refusal = readError(path, error);
      if (refusal.code === "permission_denied") throw refusal;
      throw new SkeinError("not_found", `${path}: cannot be read (${error.code ?? error.message})`, { cause: error });
    });
  if (!isFile) throw new SkeinError("not_found", `${path}: is not a file`);
  return openAsBlob(path);
}
