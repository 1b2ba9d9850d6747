import { SkeinError } from "../../../errors.ts";
import type { Target } from "../builder/code.ts";

/** As literals: that is the form in which bundlers find files. */
const urls = {
  "relaxed i32": () => new URL("./kernels-relaxed-32.wasm", import.meta.url),
  "relaxed i64": () => new URL("./kernels-relaxed-64.wasm", import.meta.url),
  "plain i32": () => new URL("./kernels-plain-32.wasm", import.meta.url),
  "plain i64": () => new URL("./kernels-plain-64.wasm", import.meta.url),
} as const;

/** The kernels' module, from beside the package's scripts. */
export async function loadKernels({ relaxed, address }: Target): Promise<WebAssembly.Module> {
  const url = urls[`${relaxed ? "relaxed" : "plain"} ${address}`]();
  const response = await fetch(url);
  if (!response.ok) throw new SkeinError("not_found", `${url}: the kernels cannot be loaded (${response.status})`);
  // Not compileStreaming: it insists on a media type that many servers do not give.
  return WebAssembly.compile(await response.arrayBuffer());
}
