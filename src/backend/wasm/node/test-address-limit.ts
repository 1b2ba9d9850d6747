import { createWasmBackend } from "../wasm.ts";

/* Makes a backend with more memories than there is room for addresses, and computes something. For a test, which limits this process. */

try {
  const backend = await createWasmBackend({ threads: 3, others: 31, variant: "relaxed" });
  const space = backend.allocateWeights([{ name: "x", shape: [2, 32], type: "f32" }]);
  await space.fill(0, { read: async (start, end) => Float32Array.from({ length: end - start }, (_, i) => start + i) });
  const x = space.weights[0]!;
  const product = await backend.read(backend.linear(backend.embed(x, Uint32Array.of(1)), x));
  console.log([...product].join(" "));
} catch (error) {
  console.log((error as { readonly code?: string }).code ?? String(error));
}
process.exit(0);
