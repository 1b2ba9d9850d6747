import type { Backend, Tensor, Weight, WeightType } from "../backend.ts";
import type { KernelVariant } from "./builder/variant.ts";
import { normalNumbers } from "./kernels/kernel-harness.ts";
import { reservedBytes } from "./other-memories.ts";
import { createWasmBackend } from "./wasm.ts";

/** A weight of a test. */
export interface Given {
  readonly shape: readonly number[];
  readonly type?: WeightType;
  readonly numbers: Float32Array<ArrayBuffer>;
}

/**
 * @param mebibytes - what each of several other memories has, in which weights and cache lie; 0: there is one memory
 * @returns a backend of a test's, with so many threads
 */
export function wasmBackend(threads = 1, variant: KernelVariant = "relaxed", mebibytes = 0): Promise<Backend> {
  const several = { others: 31, mostOfOther: reservedBytes(threads) + mebibytes * 2 ** 20 };
  return createWasmBackend({ threads, variant, ...(mebibytes > 0 ? several : {}) });
}

/** @returns normally distributed numbers, the same in every run */
export function randomNumbers(length: number, seed: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length }, normalNumbers(seed));
}

/** Gives a backend weights. */
export async function upload(backend: Backend, given: readonly Given[]): Promise<readonly Weight[]> {
  const specs = given.map(({ shape, type = "f32" }, i) => ({ name: `weight ${i}`, shape, type }));
  const space = backend.allocateWeights(specs);
  for (const [i, { numbers }] of given.entries())
    await space.fill(i, { read: async (start, end) => numbers.slice(start, end) });
  return space.weights;
}

/** Rows of a matrix as a tensor: tokens of an embedding. Only in the step that it is called in. */
export async function tensors(
  backend: Backend,
  matrices: readonly { readonly rows: number; readonly columns: number; readonly numbers: Float32Array<ArrayBuffer> }[],
): Promise<() => Tensor[]> {
  const weights = await upload(
    backend,
    matrices.map(({ rows, columns, numbers }) => ({ shape: [rows, columns], numbers })),
  );
  return () =>
    weights.map((weight, i) =>
      backend.embed(
        weight,
        Uint32Array.from({ length: matrices[i]!.rows }, (_, row) => row),
      ),
    );
}

/** One step that computes one tensor. */
export async function computeStep(backend: Backend, build: () => Tensor): Promise<Float32Array<ArrayBuffer>> {
  const out = await backend.read(build());
  await backend.endStep(true);
  return out;
}

/** @returns the largest difference, by the largest magnitude of what is expected */
export function relativeDifference(got: ArrayLike<number>, expected: ArrayLike<number>): number {
  if (got.length !== expected.length) return Number.POSITIVE_INFINITY;
  let [largest, difference] = [0, 0];
  for (let i = 0; i < expected.length; i++) {
    largest = Math.max(largest, Math.abs(expected[i]!));
    const distance = Math.abs(got[i]! - expected[i]!);
    if (!(distance <= difference)) difference = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : distance;
  }
  return difference === 0 ? 0 : difference / largest;
}
