import { expect, test } from "vitest";
import type { WeightSpec } from "../../backend/backend.ts";
import { memoryOf } from "../../backend/wasm/layout.ts";
import type { PackedWeight } from "../../backend/wasm/matrix.ts";
import { parseModelConfig } from "../../model/config.ts";
import { qwen2Instruct } from "../test-configs.ts";
import { chooseBackend } from "./choose-backend.ts";

const matrix: WeightSpec = { name: "x", shape: [16, 32], type: "q4" };

/** @returns the memory that a matrix lies in, the working one being 0; a sequence of 32,768 tokens takes 0.9 GiB, one of 131,072 takes 3.7 */
async function memoryOfMatrix(native: number, extended: number): Promise<number> {
  const call = { source: { kind: "files" }, context: {}, cache: "q8", threads: 1 } as never;
  const { backend } = await chooseBackend(call, parseModelConfig(qwen2Instruct), [matrix], { native, extended });
  return memoryOf((backend.allocateWeights([matrix]).weights[0] as PackedWeight).address);
}

test("a window that could be extended leaves in the working memory what is there without", async () => {
  expect(await memoryOfMatrix(32768, 32768)).toBe(0);
  expect(await memoryOfMatrix(32768, 131072)).toBe(0);
  expect(await memoryOfMatrix(131072, 131072)).toBe(1);
});
