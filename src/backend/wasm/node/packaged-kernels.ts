import { readFile } from "node:fs/promises";
import type { Target } from "../builder/code.ts";
import { moduleName } from "../variants.ts";

/** The kernels' module, from the package. */
export async function loadKernels(target: Target): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await readFile(new URL(`wasm:${moduleName(target)}`, import.meta.url)));
}
