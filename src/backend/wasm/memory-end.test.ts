import { expect, test } from "vitest";
import type { Backend, CacheType, MatrixType, WeightSpec } from "../backend.ts";
import { kernelVariants } from "./builder/variant.ts";
import { exercise } from "./exercise.ts";
import { groupOutputs, memoryBytes } from "./layout.ts";
import type { PackedWeight } from "./matrix.ts";
import { createWasmBackend } from "./wasm.ts";

/* What lies at the very end of a memory, where places have all 32 bits and what is behind has none. */

const types: readonly MatrixType[] = ["f32", "f16", "bf16", "q8", "q4", "q4_k", "q6_k"];
const matrices = [...types.map((type) => ({ type })), { type: "q4" as const, isFine: true }];
const caches: readonly CacheType[] = ["f32", "f16", "q8"];

/** Weights that are never filled, so that nothing but addresses is taken: all of a memory but its last bytes. */
function filler(bytes: number): WeightSpec[] {
  const perGroup = groupOutputs * 32 * 4; // 32 inputs, f32
  const groups = Math.floor(bytes / perGroup);
  return [{ name: "filler", shape: [groups * groupOutputs, 32], type: "f32" }];
}

test.for(kernelVariants)("%s: matrices and tiles at a memory's end compute the same bits", async (variant) => {
  const plain = await createWasmBackend({ threads: 1, variant });
  // One memory besides the working one, and so little left of it that all is near its end. What is computed needs less than this.
  const room = 3 * 2 ** 20;
  const full = await createWasmBackend({ threads: 2, others: 1, variant });
  full.allocateWeights(filler(memoryBytes - 3 * 2 ** 20 - room));
  for (const cache of caches) {
    const use = { matrices, cache, headDim: 64 };
    expect(await exercise(full, use)).toEqual(await exercise(plain, use));
  }
});

test("the last byte of a memory is used, and nothing behind it is handed out", async () => {
  const backend: Backend = await createWasmBackend({ threads: 1, others: 1, variant: "relaxed" });
  const rest = memoryBytes - (2 ** 20 + 64);
  const matrix: WeightSpec = { name: "x", shape: [groupOutputs, 32], type: "f32" };
  backend.allocateWeights(filler(rest - 2048));
  // As many more matrices of 2048 bytes as there is room for.
  let last = 0;
  const count = (() => {
    for (let i = 0; ; i++) {
      try {
        last = (backend.allocateWeights([matrix]).weights[0] as unknown as PackedWeight).address;
      } catch (error) {
        expect(error).toMatchObject({ code: "out_of_memory" });
        return i;
      }
    }
  })();
  expect(count).toBeGreaterThan(0);
  expect(last + 2048).toBeLessThanOrEqual(2 * memoryBytes);
  expect(last + 2 * 2048).toBeGreaterThan(2 * memoryBytes);
});

test.for(caches)("%s: what lies partly in the working memory computes the same bits", async (cache) => {
  const use = { matrices, cache, headDim: 64 };
  const expected = await exercise(await createWasmBackend({ threads: 1, variant: "relaxed" }), use);
  for (const kibibytes of [64, 128, 192, 256, 384, 512, 768, 1024]) {
    const workingEnd = kibibytes * 1024;
    const backend = await createWasmBackend({ threads: 1, others: 1, workingEnd, variant: "relaxed" });
    expect(await exercise(backend, use), `${kibibytes} KiB`).toEqual(expected);
  }
});
