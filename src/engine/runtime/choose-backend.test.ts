import { expect, test } from "vitest";
import type { WeightSpec } from "../../backend/backend.ts";
import { memoryOf } from "../../backend/wasm/layout.ts";
import type { PackedWeight } from "../../backend/wasm/matrix.ts";
import { chooseBackend } from "./choose-backend.ts";

const matrix: WeightSpec = { name: "x", shape: [16, 32], type: "q4" };

/** Of Qwen2-7B. */
const layout = { layers: 28, keyValueHeads: 4, headDim: 128, type: "q8" } as const;

/** @returns the memory that a matrix lies in, the working one being 0; a sequence of 32,768 tokens takes 0.9 GiB, one of 131,072 takes 3.7 */
async function memoryOfMatrix(native: number, extended: number): Promise<number> {
  const call = { source: { kind: "files" }, context: {}, threads: 1 } as never;
  const { backend } = await chooseBackend(call, layout, [matrix], { native, extended });
  return memoryOf((backend.allocateWeights([matrix]).weights[0] as PackedWeight).address);
}

test("a window that could be extended leaves in the working memory what is there without", async () => {
  expect(await memoryOfMatrix(32768, 32768)).toBe(0);
  expect(await memoryOfMatrix(32768, 131072)).toBe(0);
  expect(await memoryOfMatrix(131072, 131072)).toBe(1);
});

test("memory is set up for the window, and it is known for how many tokens it would do", async () => {
  const mostTokens = async (extended: number, tensor: WeightSpec) => {
    const call = { source: { kind: "files" }, context: {}, threads: 1 } as never;
    return (await chooseBackend(call, layout, [tensor], { native: 32768, extended })).mostTokens!;
  };
  const one = await mostTokens(32768, matrix);
  expect(one).toBeGreaterThan(32768);
  expect(one).toBeLessThan(131072);
  expect(await mostTokens(131072, matrix)).toBeGreaterThan(2 * 131072);
  // What the weights take is not there for tokens: 1.5 GiB of 3.5.
  const large: WeightSpec = { name: "x", shape: [2 ** 14, 3 * 2 ** 13], type: "f32" };
  expect((await mostTokens(32768, large)) / one).toBeCloseTo(2 / 3.5, 2);
});
