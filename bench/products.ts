import type { Backend, MatrixType, Weight, WeightSource } from "../src/backend/backend.ts";
import { canWiden, loadWideKernels } from "../src/backend/wasm/node/wide-kernels.ts";
import { fastestVariant } from "../src/backend/wasm/variants.ts";
import { createWasmBackend, packedBytes } from "../src/backend/wasm/wasm.ts";
import { interruption } from "../src/cli/node/interruption.ts";
import { print, printJson, style, table } from "../src/cli/node/terminal.ts";
import { createRandom } from "../src/sampling/random.ts";
import { randomBlocks } from "../test/random-gguf.ts";
import { type CommonFlags, createBenchCommand, runCommand } from "./command.ts";
import { describeMachine } from "./machine.ts";

const products: readonly { readonly type: MatrixType; readonly isFine: boolean }[] = [
  ...(["q4", "q4_k", "q6_k", "q8"] as const).map((type) => ({ type, isFine: false })),
  { type: "q4", isFine: true },
];
const manyRows = 40;
/** Unlike one matrix, several do not stay in the processor's caches. */
const copies = 3;

const command = createBenchCommand("npm run bench:products --", {
  description: "Measure the product of activations and one matrix in each type of weights: one row, and several.",
  runs: 20,
})
  .addHelpText(
    "after",
    `
The matrix is the shape's down projection, of rows completed to 256. Of all runs, which take the types in turns, the quickest counts. "fine" stands for
activations of 15 bits, as for queries, keys and values.

Examples:
  $ npm run bench:products -- --shape 7b
  $ npm run bench:products -- --threads 1 --runs 5 --json`,
  )
  .action(run);

await runCommand(command);

async function run({ shape, threads, runs, json }: CommonFlags): Promise<void> {
  const [outputs, inputs] = [shape.hidden_size, Math.ceil(shape.intermediate_size / 256) * 256];
  const specs = products.flatMap((product) =>
    Array.from({ length: copies }, (_, i) => ({ name: `${product.type} ${i}`, shape: [outputs, inputs], ...product })),
  );
  const variant = fastestVariant();
  const module = canWiden() ? await loadWideKernels(variant, specs, "f32", 64) : undefined;
  const backend = await createWasmBackend({ variant, threads, module });
  const space = backend.allocateWeights([...specs, { name: "x", shape: [manyRows, inputs], type: "f32" }]);
  for (const [i, { type }] of specs.entries()) await space.fill(i, randomSource(type));
  await space.fill(specs.length, randomSource("f32"));
  const rows = [];
  const x = space.weights[specs.length]!;
  const times = products.map(() => [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY] as [number, number]);
  for (let turn = 0; turn <= runs; turn++) {
    for (const [i, best] of times.entries()) {
      interruption.signal.throwIfAborted();
      const matrices = space.weights.slice(i * copies, (i + 1) * copies);
      const took = [await timeOf(backend, x, matrices, 1), await timeOf(backend, x, matrices, manyRows)] as const;
      if (turn > 0) for (const which of [0, 1] as const) best[which] = Math.min(best[which], took[which]); // code is compiled in the first
    }
  }
  for (const [i, { type, isFine }] of products.entries()) {
    const bytes = packedBytes([specs[i * copies]!]);
    const [one, many] = times[i]!;
    rows.push({
      type: isFine ? `${type}, fine` : type,
      bits: (bytes * 8) / (outputs * inputs),
      one: { milliseconds: one, gigabytesPerSecond: bytes / one / 1e6 },
      many: { milliseconds: many, billionOperationsPerSecond: (2 * manyRows * outputs * inputs) / many / 1e6 },
    });
  }
  if (json) {
    printJson({ outputs, inputs, manyRows, threads, runs, rows, machine: describeMachine() });
    return;
  }
  const head = ["type", "bits", "1 row, ms", "GB/s", `${manyRows} rows, ms`, "billion operations/s"];
  const lines = rows.map(({ type, bits, one, many }) => [
    type,
    bits.toFixed(2),
    one.milliseconds.toFixed(2),
    one.gigabytesPerSecond.toFixed(1),
    many.milliseconds.toFixed(1),
    many.billionOperationsPerSecond.toFixed(0),
  ]);
  print(table([head.map((title) => style("dim", title)), ...lines], "lrrrrr"));
}

/** @returns milliseconds for one of the products */
async function timeOf(backend: Backend, x: Weight, matrices: readonly Weight[], rows: number): Promise<number> {
  const tokens = Uint32Array.from({ length: rows }, (_, row) => row);
  const began = performance.now();
  const input = backend.embed(x, tokens);
  const outputs = matrices.map((matrix) => backend.linear(input, matrix));
  await backend.read(outputs.at(-1)!);
  await backend.endStep(true);
  return (performance.now() - began) / matrices.length;
}

/** Numbers of about 0.02, the same for every 1024. */
function randomSource(type: MatrixType): WeightSource {
  const random = createRandom(1);
  const numbers = Float32Array.from({ length: 1024 }, () => (random.next() - 0.5) * 0.07);
  const isSuper = type === "q4_k" || type === "q6_k";
  const blocks = isSuper ? randomBlocks(type === "q4_k" ? "Q4_K" : "Q6_K", 1024, 0.02, random) : new Uint8Array();
  return {
    read: async (start, end) => Float32Array.from({ length: end - start }, (_, i) => numbers[(start + i) % 1024]!),
    readSuperBlocks: async (start, end) => {
      const bytes = new Uint8Array(((end - start) / 1024) * blocks.length);
      for (let at = 0; at < bytes.length; at += blocks.length) bytes.set(blocks.subarray(0, bytes.length - at), at);
      return bytes;
    },
  };
}
