import { setFlagsFromString } from "node:v8";
import { assembleText } from "../builder/assemble.ts";
import { loadWideKernels } from "./wide-kernels.ts";

/* Loads wide kernels, and then another module, which is compiled at once, too. For a test, which reads V8's trace of joined vectors. */

const other = await assembleText('(module (func (export "nothing")))');
await loadWideKernels({ variant: "relaxed", address: "i32" }, { matrices: [{ type: "q4" }], cache: "q8", headDim: 64 });
console.log("kernels are loaded");
setFlagsFromString("--wasm-tiering-budget=1");
const module = new WebAssembly.Module(other);
setFlagsFromString("--wasm-sync-tier-up");
const { nothing } = new WebAssembly.Instance(module).exports as { nothing(): void };
for (let call = 0; call < 100; call++) nothing();
console.log("another module is hot");
