import { createHash } from "node:crypto";
import { mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { assembleText } from "../builder/assemble.ts";
import { buildModule } from "../builder/kernel.ts";
import type { KernelVariant } from "../builder/variant.ts";
import { kernels } from "../operations/kernels.ts";

const folder = fileURLToPath(new URL("../../../../node_modules/.cache/skein/", import.meta.url));

/**
 * The kernels' module, from the sources. (The package has assembled modules: see `packaged-kernels.ts`.)
 */
export async function loadKernels(variant: KernelVariant): Promise<WebAssembly.Module> {
  return WebAssembly.compile(await kernelBytes(variant));
}

/** The kernels' module as a file: assembled on first use, then kept beside the project's packages under the hash of its text. */
export async function kernelBytes(variant: KernelVariant): Promise<Uint8Array<ArrayBuffer>> {
  const text = buildModule(kernels, variant);
  const path = `${folder}kernels-${createHash("sha256").update(text).digest("hex").slice(0, 32)}.wasm`;
  const known = await readFile(path).catch(() => undefined);
  // Whatever else is there under this name is assembled anew.
  if (known && WebAssembly.validate(known)) return known;
  const assembled = await assembleText(text);
  await keep(path, assembled).catch(() => {}); // a folder that cannot be written to costs time only
  return assembled;
}

async function keep(path: string, bytes: Uint8Array): Promise<void> {
  await mkdir(folder, { recursive: true });
  const temporary = `${path}.${process.pid}.${Math.random().toString(36).slice(2)}`;
  await writeFile(temporary, bytes);
  await rename(temporary, path);
}
