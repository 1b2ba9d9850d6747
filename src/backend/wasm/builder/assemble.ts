import wabtInit from "wabt";
import { buildModule, type Kernel } from "./kernel.ts";
import type { KernelVariant } from "./variant.ts";

const features = {
  simd: true,
  relaxed_simd: true,
  threads: true,
  multi_memory: true,
  bulk_memory: true,
  sat_float_to_int: true,
  sign_extension: true,
  mutable_globals: true,
  multi_value: true,
};

/** Builds a module and assembles it. */
export function assemble(kernels: readonly Kernel[], variant: KernelVariant): Promise<Uint8Array<ArrayBuffer>> {
  return assembleText(buildModule(kernels, variant));
}

/** Turns WebAssembly text into a module: some seconds of work for the whole one, so the result is worth keeping. */
export async function assembleText(text: string): Promise<Uint8Array<ArrayBuffer>> {
  const wabt = await wabtInit();
  const module = wabt.parseWat("kernels.wat", text, features);
  try {
    (module as { validate(options: object): void }).validate(features);
    return new Uint8Array(module.toBinary({}).buffer);
  } finally {
    module.destroy();
  }
}
