import { blockLength, type WrittenType } from "./encode-numbers.ts";

/** What a file is written as: what most of its matrices are. */
export type FileType = "f16" | "q8_0" | "q4_0";

/** llama.cpp's numbers for them. @see llama.cpp `include/llama.h`, `llama_ftype` */
export const fileTypeNumbers: Readonly<Record<FileType, number>> = { f16: 1, q4_0: 2, q8_0: 7 };

const matrixTypes = { f16: "F16", q8_0: "Q8_0", q4_0: "Q4_0" } as const;

/**
 * The type that a tensor gets, as `llama-quantize` would choose it: vectors stay float32; with 4-bit matrices the one that makes logits has more bits. There it
 * is Q6_K, which is not written here: Q8_0 takes its place. A matrix whose rows are no whole blocks is float16.
 *
 * @param name - as llama.cpp names it
 * @param isTied - whether the embeddings make the logits
 * @see llama.cpp `src/llama-quant.cpp`, `llama_tensor_get_type`
 */
export function writtenType(name: string, shape: readonly number[], file: FileType, isTied: boolean): WrittenType {
  if (shape.length === 1) return "F32";
  if (file !== "f16" && shape.at(-1)! % blockLength !== 0) return "F16";
  const makesLogits = name === (isTied ? "token_embd.weight" : "output.weight");
  return makesLogits && file === "q4_0" ? "Q8_0" : matrixTypes[file];
}
