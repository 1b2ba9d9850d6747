/*
 * Sizes that kernels, operations and the code that packs weights have to agree on.
 */

/** Output channels that are packed together: four vectors of four. */
export const groupOutputs = 16;

/** Inputs that share a scale, in weights of 4 and 8 bits and in the activations that meet them. */
export const blockInputs = 32;

/** Blocks of a super-block of K-quants, which share a scale of scales; blocks of inputs are cut between these only. */
export const blocksInSuperBlock = 8;

/** Rows of activations that a matrix kernel computes together; the last rows of a step may be fewer. */
export const panelRows = 5;

/** A line of memory: what processors read at once. Everything that is handed out begins on one. */
export const lineBytes = 64;

/** What a memory of 32-bit addresses can have; kernels get the place in theirs, and everything else addresses that also say which memory: see `memories.ts`. */
export const memoryBytes: number = 2 ** 32;

/** @returns the number of the memory that an address is in; 0 is the working memory */
export function memoryOf(address: number): number {
  return Math.floor(address / memoryBytes);
}

/** @returns the place in its memory */
export function placeOf(address: number): number {
  return address % memoryBytes;
}

/** @returns the least multiple that is not below the value */
export function roundUp(value: number, multiple: number): number {
  return Math.ceil(value / multiple) * multiple;
}

/** Numbers from one row of a tensor to the next: whole blocks, so that kernels may write whole ones. */
export function rowStride(columns: number): number {
  return Math.ceil(columns / blockInputs) * blockInputs;
}

export function groupsOf(outputs: number): number {
  return Math.ceil(outputs / groupOutputs);
}

export function blocksOf(inputs: number): number {
  return Math.ceil(inputs / blockInputs);
}
