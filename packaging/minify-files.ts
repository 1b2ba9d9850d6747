import type { Rolldown } from "tsdown";
import { minifySync } from "vite";

/**
 * Minifies what no page and no other program loads. Functions and classes of ours keep their names, for the traces of errors; those of packages keep the names of
 * classes, which errors have.
 *
 * @param files.packages - files, by their names in the build, that hold code of packages alone
 * @param files.own - files that hold ours
 */
export function minifyFiles(files: {
  readonly packages: readonly string[];
  readonly own: readonly string[];
}): Rolldown.Plugin {
  return {
    name: "minify-files",
    generateBundle(_, bundle) {
      // A file that has got another name would be left as it is, and nobody told.
      const missing = [...files.packages, ...files.own].filter((name) => !Object.hasOwn(bundle, name));
      if (missing.length > 0) throw new Error(`there is no ${missing.join(", ")} to minify`);
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== "chunk") continue;
        const isOwn = files.own.includes(chunk.fileName);
        if (!isOwn && !files.packages.includes(chunk.fileName)) continue;
        const own = Object.keys(chunk.modules).find((id) => !id.includes("node_modules") && !id.startsWith("\0"));
        if (own !== undefined && !isOwn)
          throw new Error(`${own} is bundled into ${chunk.fileName}, which is for packages`);
        const { code, errors } = minifySync(chunk.fileName, chunk.code, {
          module: true,
          compress: !isOwn,
          mangle: { keepNames: { function: isOwn, class: true } },
        });
        if (errors.length > 0) throw new Error(`${chunk.fileName}: ${errors[0]!.message}`);
        chunk.code = code;
      }
    },
  };
}
