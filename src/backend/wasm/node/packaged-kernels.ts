import { readFile } from "node:fs/promises";
import { gunzipSync } from "node:zlib";
import type { KernelVariant } from "../builder/variant.ts";
import { moduleUrl } from "../module-urls.ts";

/** The kernels' module, from the package. */
export async function loadKernels(variant: KernelVariant): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await kernelBytes(variant));
}

/** The same as a file. (Node's DecompressionStream, which a page uses, takes 50 ms to be ready for the first one.) */
export async function kernelBytes(variant: KernelVariant): Promise<Uint8Array<ArrayBuffer>> {
  return gunzipSync(await readFile(moduleUrl(variant)));
}
