import type { Rolldown } from "tsdown";
import { minifySync } from "vite";

/**
 * Minifies files that hold code of packages alone, names and all. In ours names stay, for the traces of errors.
 *
 * @param files - by their names in the build
 */
export function minifyPackages(files: readonly string[]): Rolldown.Plugin {
  return {
    name: "minify-packages",
    generateBundle(_, bundle) {
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== "chunk" || !files.includes(chunk.fileName)) continue;
        const own = Object.keys(chunk.modules).find((id) => !id.includes("node_modules") && !id.startsWith("\0"));
        if (own !== undefined) throw new Error(`${own} is bundled into ${chunk.fileName}, which is for packages`);
        const { code, errors } = minifySync(chunk.fileName, chunk.code, {
          module: true,
          mangle: { keepNames: { function: false, class: true } }, // of errors
        });
        if (errors.length > 0) throw new Error(`${chunk.fileName}: ${errors[0]!.message}`);
        chunk.code = code;
      }
    },
  };
}
