import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Rolldown } from "tsdown";

interface Package {
  readonly name: string;
  readonly version: string;
  readonly license: string;
}

/**
 * Writes the licences of the packages whose code is in the build to `third-party-licences.txt`, as these ask for.
 *
 * @param into - the only files that code of packages may end up in: the build fails if there is some in another. What is loaded on demand may have a name with
 * more behind it
 */
export function thirdPartyLicences({ into }: { readonly into: readonly string[] }): Rolldown.Plugin {
  return {
    name: "third-party-licences",
    generateBundle(_, bundle) {
      const folders = new Set<string>();
      for (const chunk of Object.values(bundle)) {
        if (chunk.type !== "chunk" || !chunk.fileName.endsWith(".js")) continue;
        for (const [id, { renderedLength }] of Object.entries(chunk.modules)) {
          if (renderedLength === 0 || !id.includes("node_modules")) continue;
          if (!into.some((name) => chunk.fileName === name || chunk.fileName.startsWith(`${name}-`)))
            throw new Error(`${id} is bundled into ${chunk.fileName}, which no package belongs in`);
          folders.add(packageFolder(id));
        }
      }
      // One version of a package may be installed in several places.
      const texts = new Set([...folders].map(describe));
      const source = [...texts].sort().join(`\n${"-".repeat(80)}\n\n`);
      this.emitFile({ type: "asset", fileName: "third-party-licences.txt", source });
    },
  };
}

/** The folder of the package that a module belongs to. */
function packageFolder(module: string): string {
  let folder = dirname(module.replace(/[?#].*$/, ""));
  // A package.json further down may only say which kind of modules a folder holds.
  while (!existsSync(join(folder, "package.json")) || readPackage(folder).version === undefined)
    folder = dirname(folder);
  return folder;
}

function describe(folder: string): string {
  const { name, version, license } = readPackage(folder);
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  if (file === undefined) throw new Error(`${folder}: a package without a licence text cannot be bundled`);
  return `${name} ${version} (${license})\n\n${readFileSync(join(folder, file), "utf8").trim()}\n`;
}

function readPackage(folder: string): Partial<Package> {
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as Partial<Package>;
}
