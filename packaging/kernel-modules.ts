import { gzipSync } from "node:zlib";
import type { Rolldown } from "tsdown";
import { allTargets } from "../src/backend/wasm/builder/target.ts";
import { kernelBytes } from "../src/backend/wasm/node/kernels.ts";
import { moduleName } from "../src/backend/wasm/variants.ts";

/** The files' names: one for each target. */
export const kernelModuleNames: readonly string[] = allTargets.map(moduleName);

/** Puts the assembled kernels into the build, compressed to a sixth. */
export function kernelModules(): Rolldown.Plugin {
  return {
    name: "kernel-modules",
    async generateBundle() {
      for (const target of allTargets) {
        const source = gzipSync(await kernelBytes(target), { level: 9 });
        this.emitFile({ type: "asset", fileName: moduleName(target), source });
      }
    },
  };
}
