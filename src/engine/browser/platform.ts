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
  exists: async () => false,
  openHub: undefined,
  createFile: async (path) => {
    throw new UnsupportedError(`a browser has no file ${path}; give a WritableStream`);
  },
  openFile: async (path) => {
    throw new UnsupportedError(`a browser has no file ${path}; give a Blob`);
  },
  weightCache: undefined,
  keepWeights: undefined,
};

/** GGUF files come as shared ones: a worker of their own reads them. */
export async function openSource(source: SourceDescription): Promise<CheckpointFiles> {
  switch (source.kind) {
    case "url":
      return openUrl(new URL(source.url));
    case "files":
      return openBlobs(source.files);
    case "shared":
      return openSharedFiles(source.shared);
    case "folder":
      throw new UnsupportedError("a browser has no folders");
  }
}
