import { join } from "node:path";
import type { MeasuringContext } from "../measuring-context.ts";
import { convertToGguf } from "./convert.ts";
import { writeKQuants } from "./random-k-quants.ts";

/** @returns the path of the shape's GGUF file in the benchmark's folder, which is written unless it is there */
export async function reusedGguf(context: MeasuringContext): Promise<string> {
  const { checkpoint, shape, workspace, signal, onBytes, clearProgress } = context;
  try {
    return await convertToGguf(checkpoint, join(workspace.checkpoints, `qwen2-${shape.name}-gguf`), {
      signal,
      onProgress: onBytes(`Writing the ${shape.name} shape for llama.cpp`),
    });
  } finally {
    clearProgress();
  }
}

/** @returns the path of the shape's file in Q4_K_M, of other random weights, which is written unless it is there */
export async function reusedKQuants(context: MeasuringContext): Promise<string> {
  const { shape, workspace, signal, onBytes, clearProgress } = context;
  try {
    return await writeKQuants(shape, join(workspace.checkpoints, `qwen2-${shape.name}-q4_k_m`), {
      signal,
      onProgress: onBytes(`Writing the ${shape.name} shape in Q4_K_M`),
    });
  } finally {
    clearProgress();
  }
}
