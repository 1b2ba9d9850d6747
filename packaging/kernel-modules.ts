import { gzipSync } from "node:zlib";
import type { Rolldown } from "tsdown";
import { kernelVariants } from "../src/backend/wasm/builder/variant.ts";
import { kernelBytes } from "../src/backend/wasm/node/kernels.ts";
import { moduleName } from "../src/backend/wasm/variants.ts";

/** The files' names: one for each variant. */
export const kernelModuleNames: readonly string[] = kernelVariants.map(moduleName);

/** Decides how large the pieces are that have codes of their own. Small ones are 2 % better here than zlib's usual 8. */
const memLevels = [3, 4, 5, 6, 7, 8, 9];

function compress(bytes: Uint8Array): Uint8Array {
  return memLevels
    .map((memLevel) => gzipSync(bytes, { level: 9, memLevel }))
    .reduce((least, other) => (other.length < least.length ? other : least));
}

/** Puts the assembled kernels into the build, compressed to a sixth. */
export function kernelModules(): Rolldown.Plugin {
  return {
    name: "kernel-modules",
    async generateBundle() {
      for (const variant of kernelVariants) {
        const source = compress(await kernelBytes(variant));
        this.emitFile({ type: "asset", fileName: moduleName(variant), source });
      }
    },
  };
}
