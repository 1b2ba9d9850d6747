import { gzipSync } from "node:zlib";
import type { Rolldown } from "tsdown";
import { kernelVariants } from "../src/backend/wasm/builder/variant.ts";
import { kernelBytes } from "../src/backend/wasm/node/kernels.ts";
import { moduleName } from "../src/backend/wasm/variants.ts";

/** The files' names: one for each variant. */
export const kernelModuleNames: readonly string[] = kernelVariants.map(moduleName);

/** Puts the assembled kernels into the build, compressed to a sixth. */
export function kernelModules(): Rolldown.Plugin {
  return {
    name: "kernel-modules",
    async generateBundle() {
      for (const variant of kernelVariants) {
        const source = gzipSync(await kernelBytes(variant), { level: 9 });
        this.emitFile({ type: "asset", fileName: moduleName(variant), source });
      }
    },
  };
}
