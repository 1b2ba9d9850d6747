import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import type { Target } from "../builder/target.ts";
import { moduleUrl } from "../module-urls.ts";

/** The kernels' module, from the package. */
export async function loadKernels(target: Target): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await kernelBytes(target));
}

/** The same as a file. (Node's DecompressionStream, which a page uses, takes 50 ms to be ready for the first one.) */
export async function kernelBytes(target: Target): Promise<Uint8Array<ArrayBuffer>> {
  return gunzipSync(await readFile(moduleUrl(target)));
}
