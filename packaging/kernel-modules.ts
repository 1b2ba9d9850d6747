import type { Rolldown } from "tsdown";
import type { Target } from "../src/backend/wasm/builder/code.ts";
import { assembledKernels } from "../src/backend/wasm/node/kernels.ts";
import { moduleName } from "../src/backend/wasm/variants.ts";

const targets: readonly Target[] = ([true, false] as const).flatMap((relaxed) =>
  (["i32", "i64"] as const).map((address) => ({ relaxed, address })),
);

/** The files' names: one for each target. */
export const kernelModuleNames: readonly string[] = targets.map(moduleName);

/** Puts the assembled kernels into the build. */
export function kernelModules(): Rolldown.Plugin {
  return {
    name: "kernel-modules",
    async generateBundle() {
      for (const target of targets) {
        const source = await assembledKernels(target);
        this.emitFile({ type: "asset", fileName: moduleName(target), source });
      }
    },
  };
}
