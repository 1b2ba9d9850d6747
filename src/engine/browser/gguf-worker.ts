import { openBlobs } from "../../checkpoint/blobs.ts";
import type { CheckpointFiles } from "../../checkpoint/files.ts";
import { findGguf } from "../../checkpoint/gguf/find-gguf.ts";
import { openGguf } from "../../checkpoint/gguf/open-gguf.ts";
import { openUrl } from "../../checkpoint/http.ts";
import { SkeinError } from "../../errors.ts";
import { readModelAddress } from "../model-address.ts";
import type { GgufSource, GgufWorkerStart } from "../send-gguf.ts";
import { serveFiles } from "../shared-files.ts";

/** The worker that reads one GGUF file for another worker. */
self.addEventListener("message", ({ data }: MessageEvent<GgufWorkerStart>) => serveFiles(data.port, open(data.source)));

async function open(source: GgufSource): Promise<CheckpointFiles> {
  const { files, file } = locate(source);
  const found = file ?? (await findGguf(files));
  if (found === undefined) throw new SkeinError("internal", `${files.label} has no GGUF file`);
  return openGguf(files, found);
}

function locate(source: GgufSource): { readonly files: CheckpointFiles; readonly file?: string } {
  if (source.kind === "files") return { files: openBlobs(source.files) };
  const { folder, file } = readModelAddress(new URL(source.url));
  return { files: openUrl(folder), ...(file === undefined ? {} : { file }) };
}
