import { readFile } from "node:fs/promises";
import type { Target } from "../builder/target.ts";
import { moduleUrl } from "../module-urls.ts";

/** The kernels' module, from the package. */
export async function loadKernels(target: Target): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(moduleUrl(target)));
}
