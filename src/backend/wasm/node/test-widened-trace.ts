import { setFlagsFromString } from "node:v8";
import { assembleText } from "../builder/assemble.ts";
import { loadWideKernels } from "./wide-kernels.ts";

/* Loads wide kernels, and then another module with vectors that could be joined, which is compiled at once, too. For a test, which reads V8's trace. */

const other = await assembleText(`(module (memory 1) (func (export "add")
  (v128.store offset=16 (i32.const 64) (i32x4.add (v128.load offset=16 (i32.const 0)) (v128.load offset=16 (i32.const 32))))
  (v128.store (i32.const 64) (i32x4.add (v128.load (i32.const 0)) (v128.load (i32.const 32))))))`);
const specs = [{ name: "matrix", shape: [16, 256], type: "q4" }] as const;

/** Compiles the other module anew. */
function addHot(mark: number): void {
  setFlagsFromString("--wasm-tiering-budget=1");
  const module = new WebAssembly.Module(Uint8Array.of(...other, 0, 2, 1, mark)); // of equal modules V8 compiles one
  setFlagsFromString("--wasm-sync-tier-up");
  const { add } = new WebAssembly.Instance(module).exports as { add(): void };
  for (let call = 0; call < 100; call++) add();
  setFlagsFromString("--no-wasm-sync-tier-up");
}

await loadWideKernels("relaxed", specs, "q8", 64);
console.log("kernels are loaded");
addHot(65);
console.log("another module is hot");
setFlagsFromString("--experimental-wasm-revectorize");
addHot(66);
