import { SkeinError } from "../../../errors.ts";
import type { Target } from "../builder/target.ts";
import { moduleUrl } from "../module-urls.ts";

/**
 * The kernels' module, from beside the package's scripts.
 *
 * @throws SkeinError (code `not_found`) when the server does not give it
 */
export async function loadKernels(target: Target): Promise<WebAssembly.Module> {
  const url = moduleUrl(target);
  const bytes = await download(url).catch((error: unknown) => {
    const message = `${url}: the kernels cannot be loaded (${error}); serve the .wasm files beside the scripts`;
    throw new SkeinError("not_found", message, { cause: error });
  });
  // Not compileStreaming: it insists on a media type that many servers do not give.
  return WebAssembly.compile(bytes);
}

async function download(url: URL): Promise<ArrayBuffer> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`status ${response.status}`);
  return response.arrayBuffer();
}
