import { basename, dirname, relative, resolve, sep } from "node:path";
import type { Rolldown } from "tsdown";

/** A file as the sources name it: `new URL("../engine-worker.ts", import.meta.url)`, or a module of kernels, which only a build has. */
const sourceUrl = /new URL\("(\.[^"]+\.(?:ts|wasm\.gz))", import\.meta\.url\)/g;
/** The same between reading a source and writing the chunk that it ends up in, when the chunk's place is not known yet. */
const markedUrl = /new URL\("file:([^"]+)", import\.meta\.url\)/g;

/** What URLs may point at. */
export interface BuiltFiles {
  /** The build's entries: name to source, relative to the working folder. */
  readonly entries: Readonly<Record<string, string>>;
  /** Where the modules of kernels are, relative to the build's folder. */
  readonly modules: readonly string[];
}

/**
 * Points the URLs of workers and of WebAssembly modules at the built files. They stay as literals, `new Worker(new URL(...))` for workers: that is the
 * form in which bundlers recognise them.
 */
export function fileUrls({ entries, modules }: BuiltFiles): Rolldown.Plugin {
  const scripts = new Map(Object.entries(entries).map(([name, source]) => [resolve(source), `${name}.js`]));
  const others = new Map(modules.map((path) => [basename(path), path]));
  return {
    name: "file-urls",
    transform: {
      filter: { code: sourceUrl },
      handler: (code, id) =>
        code.replace(sourceUrl, (_, path: string) => {
          const built = path.endsWith(".ts") ? scripts.get(resolve(dirname(id), path)) : others.get(basename(path));
          if (built === undefined) throw new Error(`${id}: ${path} is no file of the build`);
          return `new URL("file:${built}", import.meta.url)`;
        }),
    },
    renderChunk: (code, chunk) =>
      code.replace(markedUrl, (_, built: string) => {
        const path = relative(dirname(chunk.fileName), built).split(sep).join("/");
        return `new URL("${path.startsWith(".") ? path : `./${path}`}", import.meta.url)`;
      }),
  };
}
