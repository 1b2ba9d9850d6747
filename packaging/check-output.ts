import { existsSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { dirname, join } from "node:path";

/**
 * What nothing else notices before a user does.
 *
 * @param folder - what a build wrote
 * @throws Error naming the file, when a URL points at a file that is not there, a declaration needs a package, or kernels would be assembled
 */
export async function checkOutput(folder: string): Promise<void> {
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name);
    if (name.endsWith(".d.ts")) checkDeclarations(path, await readFile(path, "utf8"));
    else if (name.endsWith(".js")) checkScript(path, await readFile(path, "utf8"));
  }
}

/** No third-party type is part of the public API: a package's types may change, or be missing, without ours doing so. */
function checkDeclarations(path: string, text: string): void {
  const references = text.matchAll(/\b(?:from|import)\s*\(?\s*"([^"]+)"|<reference\s+(?:types|path)="([^"]+)"/g);
  for (const [, imported, referenced] of references) {
    const name = imported ?? referenced ?? "";
    if (!name.startsWith(".")) throw new Error(`${path}: a public declaration needs ${name}`);
  }
}

function checkScript(path: string, text: string): void {
  // What assembles kernels, or what defines them: users have the modules.
  if (/\bwabt\b|\(module |\bv128\b/.test(text)) throw new Error(`${path}: assembles kernels`);
  checkUrls(path, text);
}

/** Workers and WebAssembly modules are named by URL, which no bundler and no type check follows. */
function checkUrls(path: string, text: string): void {
  for (const [, target = ""] of text.matchAll(/new URL\(\s*["'`]([^"'`]+)["'`],\s*import\.meta\.url/g)) {
    if (!/\.(js|wasm\.gz)$/.test(target) || !existsSync(join(dirname(path), target))) {
      throw new Error(`${path}: new URL("${target}", import.meta.url) points at no file of the build`);
    }
  }
}
