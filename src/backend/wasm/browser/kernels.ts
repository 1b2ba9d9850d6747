import { SkeinError } from "../../../errors.ts";
import type { KernelVariant } from "../builder/variant.ts";
import { moduleUrl } from "../module-urls.ts";
import { compilePacked } from "./compile-packed.ts";

/**
 * The kernels' module, from beside the package's scripts.
 *
 * @throws SkeinError (code `not_found`) when the server does not give it, or something else in its place
 */
export async function loadKernels(variant: KernelVariant): Promise<WebAssembly.Module> {
  const url = moduleUrl(variant);
  try {
    return await compilePacked(await download(url));
  } catch (error) {
    const message = `${url}: the kernels cannot be loaded (${error}); serve the .wasm.gz files beside the scripts`;
    throw new SkeinError("not_found", message, { cause: error });
  }
}

async function download(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`status ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}
