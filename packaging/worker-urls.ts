import { dirname, relative, resolve, sep } from "node:path";
import type { Rolldown } from "tsdown";

/** A worker's file as the sources name it: `new URL("../engine-worker.ts", import.meta.url)`. */
const sourceUrl = /new URL\("(\.[^"]+\.ts)", import\.meta\.url\)/g;
/** The same between reading a source and writing the chunk that it ends up in, when the chunk's place is not known yet. */
const markedUrl = /new URL\("worker:([^"]+)", import\.meta\.url\)/g;

/**
 * Points the workers' URLs at the built files. They stay as literals inside `new Worker(new URL(...))`: that is the form in which
 * bundlers recognise a worker.
 *
 * @param entries - the build's entries: name to source, relative to the working folder
 */
export function workerUrls(entries: Readonly<Record<string, string>>): Rolldown.Plugin {
  const nameOf = new Map(Object.entries(entries).map(([name, source]) => [resolve(source), name]));
  return {
    name: "worker-urls",
    transform: {
      filter: { code: sourceUrl },
      handler: (code, id) =>
        code.replace(sourceUrl, (_, path: string) => {
          const name = nameOf.get(resolve(dirname(id), path));
          if (name === undefined) throw new Error(`${id}: ${path} is no entry of the build`);
          return `new URL("worker:${name}", import.meta.url)`;
        }),
    },
    renderChunk: (code, chunk) =>
      code.replace(markedUrl, (_, name: string) => {
        const path = relative(dirname(chunk.fileName), `${name}.js`).split(sep).join("/");
        return `new URL("${path.startsWith(".") ? path : `./${path}`}", import.meta.url)`;
      }),
  };
}
