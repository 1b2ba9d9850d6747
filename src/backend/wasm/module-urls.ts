import type { Target } from "./builder/target.ts";

/** As literals: that is the form in which bundlers find files. The build (`packaging/file-urls.ts`) puts in where the files are. */
const urls = {
  "relaxed i32": () => new URL("./kernels-relaxed-32.wasm.gz", import.meta.url),
  "relaxed i64": () => new URL("./kernels-relaxed-64.wasm.gz", import.meta.url),
  "pairs i32": () => new URL("./kernels-pairs-32.wasm.gz", import.meta.url),
  "pairs i64": () => new URL("./kernels-pairs-64.wasm.gz", import.meta.url),
  "plain i32": () => new URL("./kernels-plain-32.wasm.gz", import.meta.url),
  "plain i64": () => new URL("./kernels-plain-64.wasm.gz", import.meta.url),
} as const;

/** @returns where the package has the kernels that were assembled for a target */
export function moduleUrl({ variant, address }: Target): URL {
  return urls[`${variant} ${address}`]();
}
