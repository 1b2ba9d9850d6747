import { openBlobs } from "../../checkpoint/blobs.ts";
import type { CheckpointFiles } from "../../checkpoint/files.ts";
import { openUrl } from "../../checkpoint/http.ts";
import { UnsupportedError } from "../../errors.ts";
import type { Platform } from "../platform.ts";
import { openSharedFiles } from "../shared-files.ts";
import type { SourceDescription } from "../source.ts";

export const platform: Platform = {
  ownerPort: () => ({
    post: (message, transfer = []) => self.postMessage(message, { transfer: [...transfer] }),
    onMessage: (listener) => self.addEventListener("message", (event) => listener(event.data)),
  }),
  openSource,
  isFolder: async () => false,
  createFile: async (path) => {
    throw new UnsupportedError(`a browser has no file ${path}; give a WritableStream`);
  },
  openFile: async (path) => {
    throw new UnsupportedError(`a browser has no file ${path}; give a Blob`);
  },
  weightCache: undefined,
};

async function openSource(source: SourceDescription): Promise<CheckpointFiles> {
  switch (source.kind) {
    case "folder":
      // A path in a browser is a path on the page's own server.
      return openFolder(new URL(source.path.endsWith("/") ? source.path : `${source.path}/`, self.location.href));
    case "url":
      return openFolder(new URL(source.url));
    case "files":
      return refuseGguf(openBlobs(source.files));
    case "shared":
      return refuseGguf(openSharedFiles(source.shared));
  }
}

function openFolder(url: URL): CheckpointFiles {
  if (/\.gguf\/?$/i.test(url.pathname)) throw noGguf(url.href);
  return openUrl(url);
}

async function refuseGguf(files: CheckpointFiles): Promise<CheckpointFiles> {
  const names = (await files.list?.()) ?? [];
  const isGguf = !names.includes("config.json") && names.some((name) => /\.gguf$/i.test(name));
  if (isGguf) throw noGguf(files.label);
  return files;
}

function noGguf(what: string): UnsupportedError {
  return new UnsupportedError(`${what}: GGUF files are read in Node only, so far; give a folder with config.json`);
}
