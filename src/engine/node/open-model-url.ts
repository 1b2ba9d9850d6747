import type { CheckpointFiles } from "../../checkpoint/files.ts";
import { followGguf } from "../../checkpoint/gguf/follow-gguf.ts";
import { openUrl } from "../../checkpoint/http.ts";

/** The address of a checkpoint's folder, or of a GGUF file. */
export async function openModelUrl(url: URL): Promise<CheckpointFiles> {
  const [, folder, file] = /^(.*\/)([^/]+\.gguf)$/i.exec(url.pathname) ?? [];
  if (folder === undefined || file === undefined) return openUrl(url);
  const parent = new URL(url);
  parent.pathname = folder;
  return followGguf(openUrl(parent), decodeURIComponent(file));
}
