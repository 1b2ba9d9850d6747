import type { KernelVariant } from "./builder/variant.ts";

/** As literals: that is the form in which bundlers find files. The build (`packaging/file-urls.ts`) puts in where the files are. */
const urls: Readonly<Record<KernelVariant, () => URL>> = {
  relaxed: () => new URL("./kernels-relaxed.wasm.gz", import.meta.url),
  pairs: () => new URL("./kernels-pairs.wasm.gz", import.meta.url),
  plain: () => new URL("./kernels-plain.wasm.gz", import.meta.url),
};

/** @returns where the package has the kernels that were assembled for a variant */
export function moduleUrl(variant: KernelVariant): URL {
  return urls[variant]();
}
